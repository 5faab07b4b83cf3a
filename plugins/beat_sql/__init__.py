"""Schedules in an SQL database: who leads among the beats, how far each entry has come, and the entries kept there.

    app.conf.schedule_store = "postgresql://user@host/database"        # or: kernelq -A proj beat -S postgresql://…

Install: part of ``pip install kernelq``; for servers with ``'kernelq[postgres]'`` or ``'kernelq[mysql]'``. URL and its options: see the engine's
page (`kernelq_plugins.engine_sql`). Settings: none of its own.

Guarantee: everything the contract of schedule stores (`kernelq.beat`) asks for, by the server's clock. With the broker at the same URL an
occurrence is claimed and published in one transaction. Apps in one database keep apart by `beat_namespace`, of 100 characters
at most with MySQL.

Tables: ``kernelq_beat``, ``kernelq_beat_entries``, ``kernelq_beat_marks``, ``kernelq_beat_open`` (see `tables`). Names of entries are 240
characters long at most with MySQL.

Parts: `store` (the driver), `tables`, `errors`.
"""
