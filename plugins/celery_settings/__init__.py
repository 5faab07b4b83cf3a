"""Celery settings: every setting of Celery 5.7 is known, under its name of today and the capital one it had before.

Each one either works, because the kernel or a plugin declares it; or is taken without an effect, which is said once per
process in the log, with the reason; or is refused, with the reason and the way out, because leaving it out would break what
it promises (TLS, signed messages, another user). ``kernelq config check MODULE`` tells it of a whole configuration.
Whatever another plugin declares under one of these names is that plugin's; this one then stands back.

Some work here, because settings of KernelQ follow from them where these are not set:

    broker_host, broker_port, broker_user, broker_password, broker_vhost, broker_transport    make `broker_url`
    task_acks_on_failure_or_timeout    task_acks_on_failure and task_acks_on_timeout
    task_reject_on_worker_lost         off: task_max_crashes 0
    database_url                       result_backend, also where a source says just ``database``
    redis_host, redis_port, redis_db, redis_username, redis_password    the same, in a source, for just ``redis``
    redis_max_connections, redis_socket_timeout, redis_backend_health_check_interval    result_backend_transport_options

In a configuration source a list of URLs is several servers, ``worker_concurrency = "auto"`` one process for each CPU, and
`timezone` may be a zone's object. Options of Celery's transports that nothing here reads, ``visibility_timeout`` above all, are
left out of the transport options, which is said once: a lease (`worker_lease`) is renewed while a task runs, however long that
takes, so there is nothing to make longer.

Environment: ``CELERY_BROKER_URL`` and ``CELERY_RESULT_BACKEND`` win over the configuration and yield to ``KERNELQ_BROKER_URL``,
``KERNELQ_RESULT_BACKEND`` and the command line. ``CELERY_CONFIG_MODULE`` names the configuration of apps that name none; what it
says yields to `app.add_defaults`, and it cannot name plugins.

Install: part of ``pip install kernelq``. Settings: Celery's, see the reference.

What it does not do: read what Celery reads of a source when it stands elsewhere. On `app.conf` and in the constructor,
``redis`` with parts, lists of URLs and ``auto`` are taken as they are written.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Mapping, Sequence
from functools import cache
from typing import Any

from kernelq import KernelQ, Option, hookimpl
from kernelq.contracts import StashKey

_READY = StashKey[bool]()


@hookimpl(wrapper=True)
def settings() -> Generator[None, list[Sequence[Option]], list[Sequence[Option]]]:
    """Around all others, to leave out what they declare, whatever the order of the plugins, and to lend it its old names."""
    declared = yield
    own = dict(_own())
    offers = [[_with_old_names(option, own.pop(option.name, None)) for option in offer] for offer in declared]
    return [*offers, list(own.values())]


@cache
def _own() -> Mapping[str, Option]:
    from .derived import OPTIONS
    from .ignored import without_effect
    from .refused import refused
    from .stores import of_other_stores

    return {option.name: option for option in (*OPTIONS, *without_effect(), *of_other_stores(), *refused())}


def _with_old_names(option: Option, ours: Option | None) -> Option:
    missing = tuple(name for name in ours.old if name not in option.old) if ours is not None else ()
    return dataclasses.replace(option, old=(*option.old, *missing)) if missing else option


@hookimpl(wrapper=True)
def read_settings(
    app: KernelQ, source: Any, namespace: str | None, silent: bool
) -> Generator[None, dict[str, Any] | None, dict[str, Any] | None]:
    """Around whoever reads a source: its values as KernelQ writes them."""
    from .environment import HAS_SOURCE
    from .translation import translated

    if not getattr(source, "is_draft", False):  # drafts are read for other ends than the app's configuration
        app.stash[HAS_SOURCE] = True
    values = yield
    origin = source if isinstance(source, str) else getattr(source, "__name__", type(source).__name__)
    return None if values is None else translated(values, origin)


@hookimpl(tryfirst=True)
def app_configured(app: KernelQ) -> None:
    """First, so that others see what the environment says."""
    from .environment import take_environment
    from .fallbacks import Fallbacks

    if not app.stash.setdefault(_READY, False):
        app.stash[_READY] = True
        app.conf.layers.add_defaults(Fallbacks(app))  # as app.add_defaults, which brings the reading of sources along
    take_environment(app)
