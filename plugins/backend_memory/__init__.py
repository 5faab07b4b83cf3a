"""Result backend in memory: outcomes for as long as the process lives.

    app = KernelQ(broker="memory://", backend="memory://")

Install: part of ``pip install kernelq``; no server, no file, no library.

URL: ``memory://``, or ``memory://name`` for a second engine beside the first. Options: none; how long
an outcome is kept is the app's ``result_expires``.

Guarantee: a SUCCESS is never overwritten and a stale attempt never stores anything; with the broker on the same URL
an outcome becomes visible together with what else its attempt caused. Waiting for results costs no polling.

What it does not do: outlive its process or reach another one. A forked child begins empty. Outlived
outcomes are not seen any more, but they give their memory back only when a worker cleans up or the same task is
stored again.
"""
