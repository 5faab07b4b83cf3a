"""The AMQP engine: one RabbitMQ server or cluster, and the connections that the drivers on it share.

Install: ``pip install 'kernelq[amqp]'``. RabbitMQ 3.10 or later, without server plugins.

URL: ``amqp://user:password@host:5672/vhost``; also ``pyamqp://`` (the same) and ``amqps://`` (TLS). Without a path, or with
``/`` or ``//``, the virtual host is ``/``; any other is named after one slash (``amqp://host/shop``; ``%2F`` is a slash in
it). The nodes of a cluster, tried in this order at each connection, are joined by ``;``. Options of ``amqps``, in the query:

    cafile               certificates to trust; default: the system's
    certfile, keyfile    the client's own certificate and its key
    verify               ``no`` trusts whoever answers; for trials only

Settings:

    broker_connection_timeout    seconds to connect, and to wait for any answer of the server; default 4

Connections: one for publishing per process, which all threads share, one for declaring and asking, both made at their
first use; one for each consumer. So an alarm of the server, which stops those who publish, stops nobody who
acknowledges. Each has a thread of its own for its
input and output, which answers heartbeats however busy the process is, as long as Python code runs. A
forked child makes its own connections.

Guarantee: what is published is confirmed by the server, in batches: as many messages as wait go out, and then all confirms are
awaited. A connection lost in between leaves those unconfirmed unknown: `BrokerUnavailable`; who then publishes
again may do it twice. A server that blocks publishers (its memory or disk alarm) is `BrokerFull` once
the timeout is over; what was sent when it began stays on its way, and is not sent again by a repeated call.

Errors: every error of the client library becomes one of ours here, with ``host:port/vhost`` named, never the password.

Parts: `engine` (connections of one server), `address` (the URL), `link` (a connection and its thread), `stream` (its bytes, in and out), `received` (properties, read),
`wire` (a channel),
`press` (publishing with confirms), `border` (errors), `contract` (what is public as ``kernelq.amqp``).
"""
