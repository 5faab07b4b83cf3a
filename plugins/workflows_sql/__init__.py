"""Workflow store in an SQL database: one SQLite file that many processes of one machine share, PostgreSQL, MySQL or MariaDB.

    app = KernelQ(broker="sqlite:///queue.sqlite3", backend="sqlite:///queue.sqlite3")
    app = KernelQ(broker="postgresql://user@host/database", backend="postgresql://user@host/database")

Install: part of ``pip install kernelq``; for servers with ``'kernelq[postgres]'`` or ``'kernelq[mysql]'``. URL and its
options: see the engine's page (`kernelq_plugins.engine_sql`). Settings: none of its own; how long something is kept travels with it.

Guarantee: a member of a join counts once, whoever settles it and how often, and a join fires once: whoever changes a
join locks its row first, and then sees all that came before. With the broker at the same URL parts, the message that follows from
them and the settlement are one transaction. What has outlived its ``ttl`` is invisible at once and dropped by `cleanup`,
some at a time.

A batch of any number of arrivals takes four statements with PostgreSQL, a few more with MySQL. Those who settle members of one
join wait for each other, from their first statement about it to their commit.

Tables: ``kernelq_joins``, ``kernelq_parts``, ``kernelq_kept`` (see `tables`). What it does not do: shard a join; ids of joins
and keys of values are 255 characters long at most with MySQL.

Parts: `store` (the driver), `batch` (a batch of ops, from the rows it locks to the rows it writes), `meeting` (one join in a
batch), `upkeep` (what is overdue or outlived), `statements` (what each dialect says in its own words: `sqlite`,
`postgresql`, `mysql`).
"""
