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

Leases: a sorted set of the consumers, by the server's clock. Who takes messages begins or renews its own; messages of a
consumer whose lease ended are taken back by whoever fetches next. An attempt whose messages nobody has taken back yet
may still settle. After ``FLUSHALL`` leases begin anew with the next fetch; what was held is refused when it is settled.

When an answer is lost: a claim that is repeated gives the same messages again, also to a new consumer object of that id; a
settlement that is repeated answers the same; publishing leaves out what waits or is leased, and what has an outcome by then. Only a message without a result that was accepted,
run and settled before its publishing was repeated runs twice.

Waiting costs no polling: who finds nothing is put down as waiting, in the same script, and whoever brings a message wakes as many
as there are messages, each by its own channel. A message due before all others of its queue wakes one, which then knows when to look;
whoever leaves off waiting while something is due within 20 seconds wakes another in its place. Besides, each waiting consumer
looks by itself (some seven commands): every 20 seconds, or its lease and five, which finds what a lost worker held; every second while
its subscription is lost. So after ``FLUSHALL``, or when the worker is killed that was to look next, something may be late by as much. The lease
of a consumer that holds nothing is put off for a day, and seen to be alive by one command.

Revoked tasks are marks in a sorted set, by the server's clock, which every script that hands out looks at: one command more while there are
none. Who marks drops those that ended. What waits for its eta is found by the eta it was published with; what was parked, is longer than 16 kB or has the very
eta of over a hundred others is looked for in steps of 2,000. A worker of an older version does not look at marks, and runs revoked tasks: upgrade workers first.

It does not keep the order of messages that become due together by the thousand: a thousand at a time are moved.

Parts: `broker` (publishing and administration), `consumer` (one lane's hold), `settlement` (what a settlement's script is told), `scripts`
(``scripts/*.lua``; ``common.lua`` lists all keys), `examination`.
"""
