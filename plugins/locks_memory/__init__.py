"""Lock store in memory: claims for as long as the process lives.

    app = KernelQ(broker="memory://", backend="memory://")

Install: part of ``pip install kernelq``; no server, no file, no library.

URL: ``memory://``, or ``memory://name`` for a second engine beside the first. Options and settings: none of its own.

Guarantee: everything the contract of lock stores (`kernelq.locks`) asks for, in its plainest form; with the broker on the
same URL a claim ends together with its task. Other engines are compared with this one.

What it does not do: outlive its process or reach another one. A forked child begins empty.

Parts: `store` (the driver), `book` (all claims).
"""
