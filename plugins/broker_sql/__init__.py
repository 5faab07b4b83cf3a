"""Broker in an SQL database; with SQLite, one file that many processes of one machine share.

    app = KernelQ(broker="sqlite:///queue.sqlite3", backend="sqlite:///queue.sqlite3")

Install: part of ``pip install kernelq``. URL and its options: see the engine's page
(`kernelq_plugins.engine_sql`). Settings: none of its own.

Guarantee: a message is durable when `publish` returns, and gone only when it was settled so. Claiming,
settling, successors and what stores on the same database keep are one transaction each, so nobody sees
half an attempt's end. Priorities 0 to 9 (9 first), then age; etas wait in the table, however many. A
claim reads the head of an index: it takes as long with a million messages waiting as with ten.

Leases: one row per consumer. Who fetches begins or renews its own; messages of a consumer whose lease
ended are taken back by whoever fetches next. An attempt whose messages nobody has taken back yet may
still settle.

Waiting costs no polling where the engine can wake (Linux); besides, each waiting consumer looks once
a second by itself, by one read that blocks nobody.

Tables: ``kernelq_messages``, ``kernelq_consumers``, ``kernelq_dead`` (see `tables`). What it does not do:
serve several machines through one SQLite file; keep clocks of several machines together.

Parts: `broker` (publishing and administration), `consumer` (one lane's hold), `settlement` (what becomes of
settled deliveries), `statements` (what each dialect says in its own words; `sqlite` is one).
"""
