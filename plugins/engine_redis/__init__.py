"""The Redis engine: one server, master or cluster that the Redis broker, backend and stores share.

Install: ``pip install 'kernelq[redis]'``. Redis 6.2 or later, or Valkey; nothing to load or set up there.

URL, for the broker, the backend or both:

    redis://[user:password@]host[:6379][/db]         rediss:// for TLS
    unix:///path/to/socket[?db=1]                    redis+socket:// is the same
    sentinel://host[:26379];sentinel://host2/0       with the master's name, see below; sentinel+rediss:// for TLS
    redis+cluster://host[:6379],host2                any of the nodes; rediss+cluster:// for TLS

Options, in the query of the URL or, for the broker, in ``broker_transport_options`` and, for the backend, in
``result_backend_transport_options``:

    prefix                  first part of every key, default ``kernelq``; as an option also ``global_keyprefix``
    master                  the master's name, with Sentinel; as an option also ``master_name``
    max_connections         most connections of one process to one database, default 50
    socket_timeout          seconds to wait for an answer, default ``broker_connection_timeout``
    health_check_interval   seconds of rest after which a connection is tried before it is used, default 15
    ssl_ca_certs, ssl_certfile, ssl_keyfile, ssl_cert_reqs (required, optional, none), ssl_check_hostname
    sentinel_kwargs         (option only) username and password of the Sentinels themselves
    allow_eviction          (option of the broker only) start although the server may evict keys

A password in the URL is percent-encoded. Two URLs of one server are one engine, whatever their database numbers: with
the broker at ``/0`` and the backend at ``/1`` an attempt's outcome, its successors and its acknowledgement are still
one script. The connection options of the first one used count.

Keys: all of one prefix carry one hash tag, ``{kernelq}:…``. On Redis Cluster they live in one slot, so on one node.
That is meant: what belongs together changes together, which no two slots can. Spread load by apps or groups of
queues of different prefixes; their slots spread over the nodes. (A prefix with a tag of its own is left as it is.)

A user of its own needs no more than these rights:

    ACL SETUSER name on >password ~{kernelq}:* &{kernelq}:* +@read +@write +@scripting +@transaction +@pubsub +@connection +time +info +config|get

Without ``+@transaction`` messages over 16 kB go through Lua, which takes the server several times as long.

Guarantee: what the server was set up to keep. Every change is one Lua script, which nobody sees half done, and is safe to
be sent twice: when a connection breaks under a call, that call is sent once more, and the script knows what it has
done already. Failing that, the caller hears `BrokerUnavailable`. The server's clock is the only one for leases and etas.

Waiting costs no polling. A worker's lane has a subscription of its own, which it hears on its own thread. For results one
connection of a process subscribes to all that the process waits for; a thread that waits for one alone has a second one
to itself, where the server knows the third protocol of Redis. While such a connection is away whoever waits looks by
himself every second or two.

Connections are made when needed, kept within bounds, tried after a rest, and noticed within seconds when the other side
is gone without a word. A forked child makes its own.

What it does not do: run on Redis older than 6.2; keep what a failover of the server loses (replication is asynchronous: what
was accepted in the last moment may be gone); use more than one node for one prefix.

Parts: `contract` (what broker and stores see: `kernelq.redis`), `address` (URLs), `clients` (clients of redis-py, which make the connections),
`wires` (calls on them), `engine` (what is sent again), `errors` (the border), `subscription` (one channel, heard by who waits),
`bell` (many channels, heard by a thread for all), `tap` (one key, heard and read by who waits).
"""
