"""Broker in Redis: fast, for many machines, as durable as the server is set up to be.

    app = KernelQ(broker="redis://host/0", backend="redis://host/1")

Install: ``pip install 'kernelq[redis]'``. URL and options, among them ``prefix``: see the engine's page (`kernelq_plugins.engine_redis`).

Guarantee: publishing, claiming, settling with successors and with what stores on the same server keep, and every other change
are one Lua script each, so nobody sees half of it. Priorities 0 to 9 (9 first), then age; etas wait in a sorted set, however many, and
are moved in batches when they are due. A message is in the server's memory until it is settled so.

Messages over 16 kB do not pass through Lua, which would cost the server several times as much: they are put beside the script in
its transaction, and whoever claims some asks for them by one more command. That needs a single server and ``+@transaction``.

What the server must be, and `Broker.examine` looks at when a worker starts: Redis 6.2 or later; ``maxmemory-policy
noeviction``, or messages vanish when memory is short (``broker_transport_options={"allow_eviction": True}`` starts all the
same); persistence on. With ``appendfsync always`` what `publish` accepted survives a crash of the machine; with ``everysec``,
Redis's default with AOF, up to the last two seconds may be gone; with RDB alone, all since the last snapshot. When its memory is full
publishing raises `BrokerFull`, while claiming, settling (successors too) and renewing go on.

Leases: a sorted set of the consumers, by the server's clock. Who fetches begins or renews its own; messages of a
consumer whose lease ended are taken back by whoever fetches next. An attempt whose messages nobody has taken back yet
may still settle. After ``FLUSHALL`` leases begin anew with the next fetch; what was held is refused when it is settled.

When an answer is lost: a claim that is repeated gives the same messages again, also to a new consumer object of that id; a
settlement that is repeated answers the same; publishing leaves out what waits or is leased, and what has an outcome by then. Only a message without a result that was accepted,
run and settled before its publishing was repeated runs twice.

Waiting costs no polling: who finds nothing is put down as waiting, in the same script, and whoever brings a message wakes as many
as there are messages, each by its own channel. Besides, each waiting consumer looks once a second by itself (some seven
commands), which also serves etas, leases that end, and a lost subscription.

It does not keep the order of messages that become due together by the thousand: a thousand at a time are moved.

Parts: `broker` (publishing and administration), `consumer` (one lane's hold), `settlement` (what a settlement's script is told), `scripts`
(``scripts/*.lua``; ``common.lua`` lists all keys), `examination`.
"""
