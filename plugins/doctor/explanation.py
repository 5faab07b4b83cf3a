"""Explanations: from an error on the way to an engine to a check that says what to do."""

from __future__ import annotations

import difflib
from importlib.metadata import entry_points
from typing import Final
from urllib.parse import urlsplit

from kernelq import KernelQError
from kernelq.contracts import KINDS, BackendUnavailable, BrokerFull, BrokerRefused, BrokerUnavailable, mask

from .check import Check, failed

TLS: Final = {"redis": "rediss", "amqp": "amqps"}
"""Scheme → its variant with TLS."""


def explain(kind: str, error: KernelQError, url: str) -> Check:
    """The failed check of an error; `kind` is ``broker`` or ``backend``, `url` its URL."""
    return failed(kind, mask(str(error)), _advice(kind, error, url))


def scheme_of(url: str) -> str:
    """The part of a URL that picks the driver: ``redis`` of ``redis://…``."""
    return url.partition("://")[0].partition("+")[0].lower()


def _advice(kind: str, error: KernelQError, url: str) -> str:
    scheme = scheme_of(url)
    if isinstance(error, BrokerRefused):
        return _credentials(url)
    if isinstance(error, BrokerFull):
        return "make room there: memory, disk, or a limit that is set"
    if isinstance(error, BrokerUnavailable | BackendUnavailable):
        tls = f", or want TLS ({TLS[scheme]}://)" if scheme in TLS else ""
        return f"see the server's log, and the user and password in the URL; the server may be no {scheme} server{tls}"
    near = difflib.get_close_matches(scheme, [point.name for point in entry_points(group=KINDS[kind])], n=1)
    return f"did you mean {near[0]}://?" if near and near[0] != scheme else ""


def _credentials(url: str) -> str:
    if not urlsplit(url).hostname:
        return "check who may read and write it"
    if "@" not in url:
        return "the URL names no user and password; write it as scheme://user:password@host:port/name"
    return (
        "check user, password, and what follows the port (database, virtual host); "
        "in a password write @ as %40, / as %2F, : as %3A"
    )
