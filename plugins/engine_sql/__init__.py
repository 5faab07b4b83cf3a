"""The SQL engine: one database file or server that the SQL broker, backend and stores share.

Install: nothing beside ``pip install kernelq`` for SQLite (the library must be 3.35 or later);
``pip install 'kernelq[postgres]'`` for PostgreSQL 12 or later (psycopg 3), ``pip install 'kernelq[mysql]'`` for
MySQL 8.0.1 or MariaDB 10.6 or later (PyMySQL).

**SQLite.** URL: ``sqlite:///relative.sqlite3`` or ``sqlite:////absolute.sqlite3``. A memory database is refused:
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

**PostgreSQL and MySQL.** URL: ``postgresql://user:password@host:5432/database`` (also ``postgres``,
``postgresql+psycopg``, ``db+postgresql``), ``mysql://user:password@host:3306/database`` (also ``mariadb``, ``mysql+pymysql``,
``db+mysql``). Two URLs with the same host, port and database are one engine. Options, in the query:

    timeout      seconds one statement may take, default 4; raise it for queues of many millions
    pool_size    connections of one process at most, default 10; opened when needed

and what libpq knows (``sslmode``, ``sslrootcert``, ``application_name``, …), or for MySQL ``ssl_ca``, ``ssl_cert``, ``ssl_key``,
``ssl_verify_cert``, ``ssl_verify_identity`` and ``unix_socket``.

Guarantee: what was committed is as durable as the server keeps commits; ``fsync`` or ``synchronous_commit`` off, or
``innodb_flush_log_at_trx_commit`` other than 1, is told when a worker starts. The server's clock counts for leases and
etas: it is asked with the beginning of every transaction, so workers whose clocks are wrong end no lease early.
Transactions are READ COMMITTED; one that the server undoes in favour of another (deadlock, serialization failure) is
done again, up to five times, then it is `BrokerUnavailable`; nothing of an undone one was done. A connection that the
other side ended is replaced unnoticed before a transaction begins; in the middle of one it is `BrokerUnavailable`.
A server that answers nothing is given up after ``timeout`` and half a second. A process that is frozen in a transaction
loses it after 15 s (PostgreSQL, MariaDB), and with it the row locks; others do not wait for them.

Waiting costs no polling on PostgreSQL: NOTIFY is sent behind the commit, and one listening connection serves all
consumers and watches of a process. While it is lost everybody who waits looks once a second; it comes back by
itself. On MySQL there is no such thing: consumers and watches of the same process are woken at once, those of
others look after 20 ms, then ever less often down to twice a second each.

Tables are made by the first who needs them and need CREATE in the database's schema once; processes that start at
once wait for each other by a lock of the server.

What it does not do: serve through a pooler that gives each transaction another connection (pgbouncer in transaction
mode): prepared statements and LISTEN need the same one. Use session mode, or connect directly. **Long transactions**
anywhere in the same PostgreSQL database, an idle one in a console or a dump, keep vacuum from dropping the rows that
settled messages leave behind: the queue goes on but slows down with each of them. Set
``idle_in_transaction_session_timeout`` for other users of the database, and look at ``n_dead_tup`` in pg_stat_user_tables.

`SqlEngine.within` takes part in the caller's own transaction, for publishing that exists if and only if it commits. On
PostgreSQL its commit wakes consumers; elsewhere a `Session`'s end does, and what a bare `Connection` commits is found within a second.

Parts: `engine` picks the dialect and keeps the table versions (`schema`); each dialect is a module of
its own with its address, errors and wake-ups beside it. `server` is what PostgreSQL and MySQL share, `sessions` what there
is to know of the caller's transactions.
"""
