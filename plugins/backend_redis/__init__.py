"""Result backend in Redis.

    app = KernelQ(broker="redis://host/0", backend="redis://host/1")

Install: ``pip install 'kernelq[redis]'``. URL and options: see the engine's page (`kernelq_plugins.engine_redis`).

Guarantee: one key per task, ``{prefix}:result:<task id>``, which the server drops when its time is up (``result_expires``). Whether a write
may replace what is stored is decided on the server, at every write: never over a SUCCESS, never under a lower fence. With
the broker on the same server, also in another database, an outcome is stored by the very script that settles its message.

Waiting for outcomes costs no polling: each has a channel of its own, and all threads of a process share one connection that
subscribes to those that are waited for; a thread that waits for one task alone hears of it on a second. While the
connection is away waiters look every second or two.

What it does not do: keep the states a task went through before.

Parts: `backend` (the driver), `watch` (waiting), `errors`.
"""
