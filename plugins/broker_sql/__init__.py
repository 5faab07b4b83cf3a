"""Broker in an SQL database: one SQLite file that many processes of one machine share, PostgreSQL, MySQL or MariaDB.

    app = KernelQ(broker="sqlite:///queue.sqlite3", backend="sqlite:///queue.sqlite3")
    app = KernelQ(broker="postgresql://user@host/database", backend="postgresql://user@host/database")

Install: part of ``pip install kernelq``; for servers with ``'kernelq[postgres]'`` or ``'kernelq[mysql]'``. URL and its
options: see the engine's page (`kernelq_plugins.engine_sql`). Settings: none of its own.

Guarantee: a message is durable when `publish` returns, and gone only when it was settled so. Claiming,
settling, successors and what stores on the same database keep are one transaction each, so nobody sees
half an attempt's end. Priorities 0 to 9 (9 first), then age; etas wait in the table, however many. A
claim reads the head of an index: it takes as long with a million messages waiting as with ten.

Leases: one row per consumer. Who fetches begins or renews its own; messages of a consumer whose lease
ended are taken back by whoever fetches next. An attempt whose messages nobody has taken back yet may
still settle.

On a server many consumers claim at once without waiting for each other (SKIP LOCKED); of messages that others
have locked at that moment the next ones are taken, so the order between consumers is kept but for moments. Ended leases
and due etas are seen to ten times a second by busy consumers, and when it is time by idle ones. Measured on one
machine of 2 cores with PostgreSQL 15 (synchronous_commit on): 50,000 messages/s published in batches of 500,
54,000 fetched and settled, 13,500 with their results stored; with MariaDB 10.11 20,000 and (with results) 12,000.

Publishing within the caller's own transaction (``task.apply_async(..., session=session)``): the task exists if and only if
the SQLAlchemy `Session` or `Connection`, which must be to the broker's own database, commits. From asyncio:
``await session.run_sync(lambda session: task.apply_async(..., session=session))``.

Waiting costs no polling where the engine can wake (SQLite on Linux, PostgreSQL); besides, each waiting consumer looks
once a second by itself, by one read that blocks nobody.

Marks of revoked tasks are read by the transaction that claims; while there are none, that costs PostgreSQL and MySQL no round trip and SQLite 1 µs. What waits of
these tasks for its time, retries too, becomes ready.

Tables: ``kernelq_messages``, ``kernelq_consumers``, ``kernelq_dead``, ``kernelq_revoked``, with SQLite ``kernelq_inbox`` (see `tables`).

What it does not do: serve several machines through one SQLite file. With MySQL keys and names of queues have at most 255 characters.

Parts: `broker` (publishing and administration), `consumer` (one lane's hold), `settlement` (what becomes of
settled deliveries), `marks` (revoked tasks), `statements` (what each dialect says in its own words:
`sqlite`, `postgresql`, `mysql`).
"""
