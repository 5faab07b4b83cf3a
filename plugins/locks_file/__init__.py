"""Lock store in files: claims that the processes of one machine share, in a folder.

    app = KernelQ(broker="amqp://host", once_store="file:///var/lib/myapp/once")

Install: part of ``pip install kernelq``; no server, no library. Needs locks of files (`fcntl`), so not on Windows.

URL: ``file://`` and the folder's path, which is made when it is missing. Options and settings: none of its own.

Guarantee: a key is one file, written as a whole, by whoever holds the folder's lock, which ends with its process. A claim is
released before its task's message is settled.

What it does not do: reach another machine (locks of files on network shares are not to be trusted), or be quick with very
many claims: looking for the oldest reads them all.

Parts: `store` (the driver), `folder` (files and their lock).
"""
