"""Locks in Redis: who holds which key of `QueueOnce`.

    app = KernelQ(broker="redis://host/0", backend="redis://host/1")

Install: ``pip install 'kernelq[redis]'``. URL and options: see the engine's page (`kernelq_plugins.engine_redis`); where the URL is the
broker's, ``broker_transport_options`` count, else ``result_backend_transport_options``.

Guarantee: a claim is taken by one script, and released by the very script that settles its task's message, if the broker is on
the same server, also in another database. Only its owner releases it.

What it does not do: keep a claim when the server evicts keys. Have ``maxmemory-policy noeviction``, as the broker needs it.

Parts: `store` (the driver), `errors`; ``scripts/claim.lua`` lists all keys.
"""
