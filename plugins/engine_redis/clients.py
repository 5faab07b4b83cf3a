"""Clients of redis-py: one with its bounded pool for each database in use.

redis-py sends nothing again by itself here: what may be sent twice, and how the server is told so, is decided in
`engine`, for each call.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

import redis
import redis.cluster
import redis.sentinel
from kernelq.contracts import ImproperlyConfigured
from redis.backoff import NoBackoff
from redis.retry import Retry

from .address import Address

_library: Any = redis  # half typed

MAX_CONNECTIONS = 50
HEALTH_CHECK_INTERVAL = 15.0
"""Seconds of rest after which a connection is tried before it is used."""

_KEEPALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}
"""Seconds of rest, seconds between probes, probes: a peer that is gone without a word is noticed after 11 seconds."""


def make_client(address: Address, options: Mapping[str, Any], *, db: int, connect_timeout: float) -> Any:
    """A client of the engine at `address` for one database; connects on first use, but to a cluster at once.

    Raises:
        ImproperlyConfigured: Sentinel, and nobody said which master.
    """
    settings = _settings(address, options, db, connect_timeout)
    most = options.get("max_connections", MAX_CONNECTIONS)
    if address.kind == "sentinel":
        return _behind_sentinel(address, options, settings | {"max_connections": most})
    if address.kind == "cluster":
        nodes = [_library.cluster.ClusterNode(host, port) for host, port in address.hosts]
        del settings["db"]
        return _library.RedisCluster(startup_nodes=nodes, max_connections=most, ssl=address.is_tls, **settings)
    if address.kind == "socket":
        where: dict[str, Any] = {"path": address.path, "connection_class": _library.UnixDomainSocketConnection}
    else:
        host, port = address.hosts[0]
        kind = _library.SSLConnection if address.is_tls else _library.Connection
        where = {"host": host, "port": port, "connection_class": kind}
    # A thread that finds all connections in use waits for one, and not for ever.
    pool = _library.BlockingConnectionPool(max_connections=most, timeout=connect_timeout, **where, **settings)
    return _library.Redis.from_pool(pool)  # so that closing the client closes the pool


def make_connection(client: Any, **settings: Any) -> Any:
    """An open connection of redis-py that is in no pool, to the server of a client that has but one."""
    pool = client.connection_pool
    connection = pool.connection_class(**{**pool.connection_kwargs, **settings})
    connection.connect()
    return connection


def make_subscriber(client: Any, key: str) -> Any:
    """A connection of redis-py, not yet open and in no pool, to the server that has `key`."""
    if isinstance(client, _library.RedisCluster):
        node = client.get_node_from_key(key)
        client = client.get_redis_connection(node)
    pool = client.connection_pool
    return pool.connection_class(**pool.connection_kwargs)


def _settings(address: Address, options: Mapping[str, Any], db: int, connect_timeout: float) -> dict[str, Any]:
    settings = {
        "db": db,
        "username": address.username,
        "password": address.password,
        "socket_connect_timeout": connect_timeout,
        "socket_timeout": options.get("socket_timeout", connect_timeout),
        "health_check_interval": options.get("health_check_interval", HEALTH_CHECK_INTERVAL),
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,  # no answer here has a shape that the third one would tell better, and all proxies know it
    }
    if address.kind != "socket":
        settings["socket_keepalive"] = True
        settings["socket_keepalive_options"] = {
            getattr(socket, name): value for name, value in _KEEPALIVE.items() if hasattr(socket, name)
        }
    if address.is_tls:
        settings |= {name: value for name, value in options.items() if name.startswith("ssl_")}
    return settings


def _behind_sentinel(address: Address, options: Mapping[str, Any], settings: dict[str, Any]) -> Any:
    master = options.get("master")
    if not master:
        raise ImproperlyConfigured(
            f"which master do the Sentinels at {address.servers} watch for us? say ?master=NAME in the URL or master_name "
            "in broker_transport_options (result_backend_transport_options)"
        )
    own = {
        name: value for name, value in settings.items() if name not in ("db", "username", "password", "max_connections")
    }
    sentinel = _library.sentinel.Sentinel(
        list(address.hosts), sentinel_kwargs={**own, **options.get("sentinel_kwargs", {})}
    )
    return sentinel.master_for(master, ssl=address.is_tls, **settings)
