"""``app.conf.ONCE``, the settings of celery-once, as this plugin understands them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from kernelq.contracts import ImproperlyConfigured

if TYPE_CHECKING:
    from kernelq import KernelQ

DEFAULT_TIMEOUT = 3600.0
"""Seconds; celery-once's."""

_REDIS = ("redis://", "rediss://", "unix://", "sentinel://")
_SOCKET = "redis+socket://"


def once_settings(app: KernelQ) -> Mapping[str, Any]:
    """The ``settings`` part of `ONCE`; empty without one."""
    settings: Mapping[str, Any] = (app.conf.ONCE or {}).get("settings") or {}
    return settings


def once_url(app: KernelQ) -> str | None:
    """The URL of the store that `ONCE` names; None when it names none.

    Raises:
        ImproperlyConfigured: a backend of one's own.
        ValueError: a URL that is not Redis's, as with celery-once.
    """
    backend = str((app.conf.ONCE or {}).get("backend") or "")
    settings = once_settings(app)
    kind = backend.rpartition(".")[2]
    if not backend:
        return _redis(settings["url"]) if settings.get("url") else None
    if kind == "Redis":
        return _redis(settings.get("url") or "redis://localhost:6379/0")
    if kind == "File":
        location = Path(settings.get("location") or Path(tempfile.gettempdir()) / "celery_once")
        return f"file://{quote(str(location.absolute()))}"
    raise ImproperlyConfigured(
        f"expected celery_once.backends.Redis or celery_once.backends.File, got {backend!r} (setting ONCE); "
        "a store of one's own is a driver of kernelq.locks, named by the setting once_store"
    )


def default_timeout(app: KernelQ) -> float:
    """Seconds after which a claim may be questioned, where neither call nor task says."""
    return float(once_settings(app).get("default_timeout") or DEFAULT_TIMEOUT)


def patience(app: KernelQ) -> float:
    """Seconds a call waits for a key that is held."""
    settings = once_settings(app)
    return float(settings.get("blocking_timeout") or 1.0) if settings.get("blocking") else 0.0


def _redis(url: str) -> str:
    if url.startswith(_SOCKET):
        return "unix://" + url.removeprefix(_SOCKET)
    if not url.startswith(_REDIS):
        raise ValueError(f"Unsupported protocol {url.partition('://')[0]} (setting ONCE)")
    return url
