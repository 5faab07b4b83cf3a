"""Broker in memory: the queue of one process, for tests, for trying things out and for small programs.

    app = KernelQ(broker="memory://", backend="memory://")

Install: part of ``pip install kernelq``; no server, no file, no library.

URL: ``memory://``, or ``memory://name`` for a second engine beside the first. Every app has its own, so
two apps never see each other's messages. Options: none.

Guarantee: everything the broker contract asks for, in its plainest form: order by priority (0 to 9) and
age, etas, leases with fences, crash counting, dead letters; what an attempt causes (successors, outcome,
settlement) becomes visible together when the backend has the same URL. Other engines are compared
with this one. Waiting costs no polling.

What it does not do: survive the end of its process, or reach another process. A forked child begins empty: what
waited in the parent stays there and runs there, once. So pools of several processes refuse it, and
worker and client live in one process, on two threads.
"""
