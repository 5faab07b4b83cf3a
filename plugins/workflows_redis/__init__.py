"""Workflows in Redis: where the members of chords meet.

    app = KernelQ(broker="redis://host/0", backend="redis://host/1")

Install: ``pip install 'kernelq[redis]'``. URL and options: see the engine's page (`kernelq_plugins.engine_redis`); where the URL is the
broker's, ``broker_transport_options`` count, else ``result_backend_transport_options``.

Guarantee: the end of a member is counted by the very script that settles its message, if the broker is on the same server, also in
another database; the message of a join that fires so is published by it too. Elsewhere the call that counts
is safe to be sent twice. What is counted takes three commands, however many members there are: each has a field in the
join's hash of parts (some 60 bytes and the part), which goes when the join is done. Joins that are open never expire; closed ones and
kept values do when their time is up, by the server. When its memory is full, what a broker on this server settles is counted all the same.

Who asks for what is overdue gets the oldest thousand, out of three sorted sets; while no join is open that is one command.

What it does not do: keep a join when the server evicts keys. Have ``maxmemory-policy noeviction``, as the broker needs it.

Parts: `store` (the driver), `words` (what scripts are told), `errors`; ``scripts/change.lua`` lists all keys.
"""
