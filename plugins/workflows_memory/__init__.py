"""Workflow store in memory: joins and kept values for as long as the process lives.

    app = KernelQ(broker="memory://", backend="memory://")

Install: part of ``pip install kernelq``; no server, no file, no library.

URL: ``memory://``, or ``memory://name`` for a second engine beside the first. Options and settings: none of its own.

Guarantee: everything the contract of workflow stores (`kernelq.workflows`) asks for, in its plainest form; with the
broker on the same URL a part takes its place together with what else its task's end causes. Other engines are compared
with this one.

What it does not do: outlive its process or reach another one. A forked child begins empty. What has outlived its
``ttl`` is not seen any more, but gives its memory back only when a worker cleans up.

Parts: `store` (the driver), `shelf` (all that is kept).
"""
