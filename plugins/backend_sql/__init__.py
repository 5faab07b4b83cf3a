"""Result backend in an SQL database: one SQLite file that many processes of one machine share, PostgreSQL, MySQL or MariaDB.

    app = KernelQ(broker="sqlite:///queue.sqlite3", backend="sqlite:///queue.sqlite3")
    app = KernelQ(broker="redis://host", backend="postgresql://user@host/database")  # or db+postgresql://

Install: part of ``pip install kernelq``; for servers with ``'kernelq[postgres]'`` or ``'kernelq[mysql]'``. URL and its options: see the engine's page
(`kernelq_plugins.engine_sql`). Settings: none of its own; how long outcomes are kept travels with each.

Guarantee: one row per task, and one statement decides whether a write may replace it: never over a
SUCCESS, never under a lower fence. With the broker at the same URL an outcome is committed together
with the settlement of its message. Outlived outcomes are invisible at once and dropped by `cleanup`,
some thousands in a transaction.

Waiting for outcomes costs no polling where the engine can wake (SQLite on Linux, PostgreSQL); besides, a waiting
client looks once a second by itself, with MySQL twice. What is waited for and not yet a SUCCESS is read again at each wake-up.

Table: ``kernelq_results`` (see `tables`). What it does not do: keep the states a task went through before.

Parts: `backend` (the driver), `watch` (waiting), `statements` (what each dialect says in its own words:
`sqlite`, `postgresql`, `mysql`).
"""
