"""Celery's settings that are refused, because leaving them out would break what they promise, with the way out of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .ignored import Row
from .kinds import Refused

_IN_URL = "TLS is part of the URL here"
_ONE_BROKER = "an app has one broker, for publishing and for consuming"
_SIGNED = "messages are not signed here, and would be trusted unsigned"
_USER = "a worker does not change its user"

ROWS: Mapping[tuple[str, str], tuple[Row, ...]] = {
    (_IN_URL, "write rediss:// or amqps:// in broker_url, certificates behind a ? as the engine's page says"): (
        ("broker_use_ssl", False),
    ),
    (_IN_URL, "write rediss:// in result_backend, certificates behind a ?: rediss://host/0?ssl_ca_certs=/path"): (
        ("redis_backend_use_ssl", None, "CELERY_REDIS_BACKEND_USE_SSL"),
    ),
    ("credentials come from the URL alone", "put user and password into result_backend"): (
        ("redis_backend_credential_provider", None),
    ),
    (_ONE_BROKER, "set broker_url; a process that needs another one is started with KERNELQ_BROKER_URL"): (
        ("broker_read_url", None),
        ("broker_write_url", None),
    ),
    (_SIGNED, "remove it, and keep strangers from the broker by TLS, users and rights"): (
        ("security_key", None, "CELERY_SECURITY_KEY"),
        ("security_key_password", None, "CELERY_SECURITY_KEY_PASSWORD"),
        ("security_certificate", None, "CELERY_SECURITY_CERTIFICATE"),
        ("security_cert_store", None, "CELERY_SECURITY_CERT_STORE"),
        ("security_digest", "sha256", "CELERY_SECURITY_DIGEST"),
    ),
    (_USER, "start it as that user: systemd's User= and Group=, or su"): tuple(
        (f"{program}_{what}", None) for program in ("worker", "beat", "events") for what in ("uid", "gid")
    ),
    ("messages follow version 2 of the protocol", "upgrade what still sends version 1, and remove the setting"): (
        ("task_protocol", 2, "CELERY_TASK_PROTOCOL"),
    ),
    ("the pool prefork forks its processes", "take --pool threads where a fork does harm, and remove the setting"): (
        ("worker_pool_start_method", "fork", "CELERYD_POOL_START_METHOD"),
    ),
    ("rates are not limited yet", "remove it, and give such tasks a queue of their own with a small worker"): (
        ("task_default_rate_limit", None, "CELERY_DEFAULT_RATE_LIMIT"),
    ),
    ("backends are found by entry point", "offer yours in the group kernelq.backends, and remove the setting"): (
        ("override_backends", {}),
    ),
}
"""(reason, way out) → settings."""

ELSEWHERE: Mapping[str, tuple[Row, ...]] = {
    "routing": (
        ("task_routes", None, "CELERY_ROUTES"),
        ("task_queues", None, "CELERY_QUEUES"),
        ("task_create_missing_queues", True, "CELERY_CREATE_MISSING_QUEUES"),
        ("task_create_missing_queue_type", "classic", "CELERY_CREATE_MISSING_QUEUE_TYPE"),
        ("task_create_missing_queue_exchange_type", None, "CELERY_CREATE_MISSING_QUEUE_EXCHANGE_TYPE"),
        ("task_inherit_parent_priority", False, "CELERY_INHERIT_PARENT_PRIORITY"),
        ("task_default_delivery_mode", 2, "CELERY_DEFAULT_DELIVERY_MODE"),
        ("task_default_exchange", None, "CELERY_DEFAULT_EXCHANGE"),
        ("task_default_routing_key", None, "CELERY_DEFAULT_ROUTING_KEY"),
        ("worker_direct", False, "CELERY_WORKER_DIRECT"),
    ),
    "annotations": (("task_annotations", None, "CELERY_ANNOTATIONS"),),
    "eager": (
        ("task_always_eager", False, "CELERY_ALWAYS_EAGER"),
        ("task_eager_propagates", False, "CELERY_EAGER_PROPAGATES_EXCEPTIONS"),
        ("task_store_eager_result", False, "CELERY_STORE_EAGER_RESULT"),
    ),
    "once_lock": (("ONCE", None, "once"),),
}
"""Plugin → settings it gives their meaning; these stand in for it while it is not there."""


def refused() -> Iterator[Refused]:
    """The options of all rows."""
    for (reason, way_out), rows in ROWS.items():
        for name, default, *old in rows:
            yield Refused(name, object, default, f"refused: {reason}", tuple(old), reason=reason, way_out=way_out)
    for plugin, rows in ELSEWHERE.items():
        reason = f"it belongs to the plugin {plugin!r}, which is not loaded"
        for name, default, *old in rows:
            yield Refused(
                name, object, default, f"refused: {reason}", tuple(old), reason=reason, way_out="install or enable it"
            )
