"""What PostgreSQL says, in our words: which server, what is wrong, and the way out.

Source: PostgreSQL manual, appendix "PostgreSQL Error Codes". While a connection is made, libpq gives no
code but the server's text only.
"""

from __future__ import annotations

import re

import psycopg
from kernelq.contracts import BrokerError, BrokerFull, BrokerRefused, BrokerUnavailable, mask

from .server_address import ServerAddress
from .server_dialect import Conflict, TablesGone

_CONFLICTS = frozenset({"40001", "40P01"})
_FULL = frozenset({"53100", "53200"})
_LATE = frozenset({"57014", "55P03"})
_REFUSED = frozenset({"28000", "28P01", "3D000", "3F000", "42501"})
_AWAY = ("08", "53", "55", "57", "58", "25", "XX")
"""Classes of codes that say something of the server's state, not of the statement."""

_REFUSAL = re.compile(
    r"authentication failed|no pg_hba\.conf entry|no password supplied|(role|database) \".*\" does not exist"
    r"|not permitted to log in|permission denied|does not support SSL|certificate",
    re.IGNORECASE,
)


def explain(error: Exception, address: ServerAddress) -> BrokerError:
    """The error of ours that stands for `error`; the caller raises it ``from error``."""
    code: str | None = getattr(error, "sqlstate", None)
    text, where = _text(error), f"PostgreSQL at {address.place}"
    if code is None:
        return _without_code(error, text, where)
    if code in _CONFLICTS:
        return Conflict(f"{where} undid a transaction in favour of another: {text}")
    if code == "42P01":
        return TablesGone(f"{where} has lost our tables: {text}")
    if code in _FULL:
        return BrokerFull(f"{where} has no room: {text}")
    if code in _LATE:
        return BrokerUnavailable(
            f"{where} did not get a statement done in {address.timeout:g} s ({text}); "
            f"look for long locks in pg_stat_activity, or raise timeout in the URL"
        )
    if code == "42501":
        return BrokerRefused(
            f"{where}: user {address.user!r} lacks a permission: {text}; the tables are made once, which takes "
            f"CREATE on the schema: GRANT CREATE ON SCHEMA public TO ..."
        )
    if code in _REFUSED:
        return BrokerRefused(f"{where} refuses us: {text}")
    if code == "25006":
        return BrokerUnavailable(f"{where} takes no writes now: {text}; is it a standby?")
    if code[:2] in _AWAY:
        return BrokerUnavailable(f"{where} cannot be used now: {text}")
    return BrokerError(f"{where} refused a statement: {text}")


def _without_code(error: Exception, text: str, where: str) -> BrokerError:
    if _REFUSAL.search(text):
        return BrokerRefused(f"{where} refuses us: {text}")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | OSError):
        return BrokerUnavailable(f"{where} cannot be reached: {text}")
    return BrokerError(f"{where}: {text}")


def _text(error: Exception) -> str:
    """The first line that says something; libpq repeats itself for every address of a host."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = next((line for line in lines if "FATAL" in line or "failed:" in line), lines[0] if lines else repr(error))
    return mask(told)
