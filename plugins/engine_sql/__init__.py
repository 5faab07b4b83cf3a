"""The SQL engine: one database file or server that the SQL broker, backend and stores share.

Install: nothing beside ``pip install kernelq`` for SQLite (the library must be 3.35 or later).

URL: ``sqlite:///relative.sqlite3`` or ``sqlite:////absolute.sqlite3``. A memory database is refused:
no other process could see it; ``memory://`` serves one process. Options, in the query:

    synchronous    ``normal`` (default), ``full`` or ``off``
    busy_timeout   seconds to wait for another writer, default 5

Two URLs of one file are one engine; the options of the first one used count.

Guarantee: what was committed survives the end of every process. With ``synchronous=normal`` a power
cut may take back the last commits, never corrupt the file; with ``full`` every commit waits for the
disk; with ``off`` none does, publishing is about twice as quick, and a power cut may corrupt the file. Any number of processes and threads of one machine may share the file. Writers queue for the
file; readers wait for nobody. Connections are closed before a fork and opened again after it, on both
sides; after ``rm`` of the file, a new one with the same tables is made within a second.

Waiting costs no polling on Linux: whoever commits something of interest touches the file's times, and
waiters sit on inotify. Elsewhere, and when the system's inotify instances are used up, the file's
times are looked at every 1 to 50 ms.

It does not serve a file on a network file system: SQLite's write-ahead log needs shared memory.

Parts: `engine` picks the dialect and keeps the table versions (`schema`); each dialect is a module of
its own with its address, errors and wake-ups beside it.
"""
