"""Celery's settings that work because settings of KernelQ follow from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from kernelq import Option

OPTIONS: tuple[Option, ...] = (
    Option("broker_transport", str, None, "scheme of `broker_url` when it is put together of parts; default amqp"),
    Option("broker_host", str, None, "host of `broker_url` when that is not set; then these parts make it", ("BROKER_HOST",)),
    Option("broker_port", int, None, "its port", (), 0),
    Option("broker_user", str, None, "its user"),
    Option("broker_password", str, None, "its password"),
    Option("broker_vhost", str, None, "its virtual host, or the database's number"),
    Option("task_acks_on_failure_or_timeout", bool, True, "off: task_acks_on_failure and task_acks_on_timeout are off unless set", ("CELERY_ACKS_ON_FAILURE_OR_TIMEOUT",)),
    Option("task_reject_on_worker_lost", bool, None, "off: task_max_crashes is 0 unless set; on is how it is anyway", ("CELERY_REJECT_ON_WORKER_LOST",)),
    Option("database_url", str, None, "where outcomes are kept, when result_backend is 'database' or not set", ("CELERY_RESULT_DBURI",)),
    Option("redis_host", str, None, "host of the result backend, when result_backend is just 'redis' or 'redis://'", ("CELERY_REDIS_HOST",)),
    Option("redis_port", int, None, "its port", ("CELERY_REDIS_PORT",), 0),
    Option("redis_db", object, None, "its database's number", ("CELERY_REDIS_DB",)),
    Option("redis_username", str, None, "its user", ("CELERY_REDIS_USERNAME",)),
    Option("redis_password", str, None, "its password", ("CELERY_REDIS_PASSWORD",)),
    Option("redis_max_connections", int, None, "`max_connections` in result_backend_transport_options, unless that is set", ("CELERY_REDIS_MAX_CONNECTIONS",), 1),
    Option("redis_socket_timeout", float, None, "`socket_timeout` there", ("CELERY_REDIS_SOCKET_TIMEOUT",), 0),
    Option("redis_backend_health_check_interval", float, None, "`health_check_interval` there", (), 0),
)  # fmt: skip

BARE_REDIS = frozenset({"redis", "redis://", "redis:///"})
"""Backends that Celery puts together of the ``redis_`` settings."""

DATABASE = frozenset({"database", "database://", "db", "db://", "sqlalchemy"})
"""Backends that Celery finds in `database_url`."""

_CONNECTION = {
    "redis_max_connections": "max_connections",
    "redis_socket_timeout": "socket_timeout",
    "redis_backend_health_check_interval": "health_check_interval",
}


def derived(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What follows for KernelQ's settings, where these are not set themselves."""
    found: dict[str, Any] = {}
    if settings["broker_host"]:
        found["broker_url"] = _broker_url(settings)
    if settings["database_url"]:
        found["result_backend"] = settings["database_url"]
    if not settings["task_acks_on_failure_or_timeout"]:
        found["task_acks_on_failure"] = found["task_acks_on_timeout"] = False
    if settings["task_reject_on_worker_lost"] is False:
        found["task_max_crashes"] = 0
    given = {to: settings[name] for name, to in _CONNECTION.items() if settings[name] is not None}
    if given:
        found["result_backend_transport_options"] = given
    return found


def backend_url(backend: Any, settings: Mapping[str, Any]) -> Any:
    """A result backend with what other settings say of it; as it is when they say nothing."""
    if backend in DATABASE and settings.get("database_url"):
        return settings["database_url"]
    parts = {name: settings.get(f"redis_{name}") for name in ("username", "password", "host", "port", "db")}
    if backend not in BARE_REDIS or all(part is None for part in parts.values()):
        return backend
    return _url("redis", parts["username"], parts["password"], parts["host"], parts["port"], parts["db"] or 0)


def _broker_url(settings: Mapping[str, Any]) -> str:
    transport, user, password, host, port, vhost = (
        settings[f"broker_{name}"] for name in ("transport", "user", "password", "host", "port", "vhost")
    )
    return str(host) if "://" in host else _url(transport or "amqp", user, password, host, port, vhost)


def _url(scheme: str, user: Any, password: Any, host: Any, port: Any, path: Any) -> str:
    secret = "" if password is None else f":{quote(str(password), safe='')}"
    who = "" if user is None and not secret else f"{quote(str(user or ''), safe='')}{secret}@"
    # An AMQP virtual host may begin with a slash, a database's number does so by mistake.
    place = (
        ""
        if path is None
        else quote(str(path) if scheme.startswith(("amqp", "pyamqp")) else str(path).lstrip("/"), safe="")
    )
    return f"{scheme}://{who}{host or 'localhost'}{f':{port}' if port else ''}/{place}"
