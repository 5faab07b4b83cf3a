"""Schedules in Redis: who leads among the beats, how far each entry has come, and the entries kept there.

    app.conf.schedule_store = "redis://host/0"        # or: kernelq -A proj beat -S redis://host/0

Install: ``pip install 'kernelq[redis]'``. URL and options: see the engine's page (`kernelq_plugins.engine_redis`); where the URL is the
broker's, ``broker_transport_options`` count.

Guarantee: everything the contract of schedule stores (`kernelq.beat`) asks for, by the server's clock. Where the broker is on the same
server, also in another database, an occurrence is claimed and published by one script. Apps on one
server keep apart by `beat_namespace`.

What it does not do: keep anything when the server evicts keys, or loses its last second in a crash (``appendfsync everysec``).

Parts: `store` (the driver), `errors`; ``scripts/claim.lua`` lists all keys.
"""
