"""Lock store in an SQL database: one SQLite file that many processes of one machine share, PostgreSQL, MySQL or MariaDB.

    app = KernelQ(broker="sqlite:///queue.sqlite3", backend="sqlite:///queue.sqlite3")
    app = KernelQ(broker="postgresql://user@host/database", backend="postgresql://user@host/database")

Install: part of ``pip install kernelq``; for servers with ``'kernelq[postgres]'`` or ``'kernelq[mysql]'``. URL and its
options: see the engine's page (`kernelq_plugins.engine_sql`). Settings: none of its own.

Guarantee: a key is one row, so it has one holder. With the broker at the same URL the release of a claim and the settlement of
its task's message are one transaction.

Table: ``kernelq_claims`` (see `tables`). What it does not do: be quick where very many calls want one key: each waits for the row.

Parts: `store` (the driver), `claiming` (the statements), `tables`.
"""
