"""Values of a configuration source as KernelQ writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .derived import backend_url
from .kinds import warn_once

_SERVERS = ("broker_url", "broker_read_url", "broker_write_url", "result_backend")

_UNSET = frozenset({"task_acks_on_failure", "task_acks_on_timeout", "task_default_priority", "result_persistent"})
"""Settings whose None means to Celery that they are not set, and that have a value of their own here."""


_ORDER = "the higher priority comes first, always"
_FANOUT = "nothing is sent by fanout"

TRANSPORT: Mapping[str, str] = {
    "visibility_timeout": "a lease (worker_lease) is renewed for as long as its task runs",
    "polling_interval": "waiting costs no polling",
    "queue_order_strategy": _ORDER,
    "priority_steps": _ORDER,
    "sep": _ORDER,
    "fanout_prefix": _FANOUT,
    "fanout_patterns": _FANOUT,
    "result_chord_ordered": "results always come in the order of their tasks",
}
"""Option of Celery's transports that nothing here reads → why."""


def translated(values: dict[str, Any], source: str) -> dict[str, Any]:
    """Settings by today's names, as Celery takes them, in the values that KernelQ takes; `source` is named in warnings."""
    found = {name: value for name, value in values.items() if value is not None or name not in _UNSET}
    for name in _SERVERS:
        if isinstance(found.get(name), list | tuple):
            found[name] = ";".join(map(str, found[name]))
    if isinstance(found.get("result_backend"), str):
        found["result_backend"] = backend_url(found["result_backend"], found)
    if found.get("worker_concurrency") == "auto":
        del found["worker_concurrency"]  # one for each CPU is what there is without it
    for name in ("broker_transport_options", "result_backend_transport_options"):
        if isinstance(found.get(name), dict):
            found[name] = _transport_options(name, found[name], source)
    zone = found.get("timezone")
    if zone is not None and not isinstance(zone, str):
        found["timezone"] = getattr(zone, "key", None) or getattr(zone, "zone", None) or zone
    return found


def _transport_options(setting: str, options: dict[str, Any], source: str) -> dict[str, Any]:
    for name in options.keys() & TRANSPORT.keys():
        warn_once(f"the option {name} in {setting}", source, TRANSPORT[name])
    return {name: value for name, value in options.items() if name not in TRANSPORT}
