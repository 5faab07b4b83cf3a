"""What MySQL and MariaDB say, in our words: which server, what is wrong, and the way out.

Source: MySQL server and client error references; MariaDB error codes.
"""

from __future__ import annotations

import pymysql
from kernelq.contracts import BrokerError, BrokerFull, BrokerRefused, BrokerUnavailable, mask

from .server_address import ServerAddress
from .server_dialect import Conflict, TablesGone

_CONFLICTS = frozenset({1213, 1020})  # deadlock; record changed since it was read
_FULL = frozenset({1021, 1114, 1041, 1037})  # disk, table, memory
_REFUSED = frozenset({1044, 1045, 1049, 1130, 1142, 1143, 1227, 1698, 3118})
_LATE = frozenset({1205, 1969, 3024})  # lock wait, statement time
_READ_ONLY = frozenset({1290, 1792, 1836})
ENDED = frozenset({1053, 1927, 2006, 2013, 4031})
"""The other side ended the connection: shutdown, KILL, idle for too long."""
_LOST = ENDED | {0, 1040, 1203, 1226, 1317, 2002, 2003, 2014, 2055}
_NO_SPACE = "errno: 28"
_TOO_BIG = 1153
_NO_TABLE = 1146


def explain(error: Exception, address: ServerAddress) -> BrokerError:
    """The error of ours that stands for `error`; the caller raises it ``from error``."""
    where = f"MySQL at {address.place}"
    code, text = _parts(error)
    if code in _CONFLICTS:
        return Conflict(f"{where} undid a transaction in favour of another: {text}")
    if code == _NO_TABLE:
        return TablesGone(f"{where} has lost our tables: {text}")
    if code in _FULL or _NO_SPACE in text:
        return BrokerFull(f"{where} has no room: {text}")
    if code in _REFUSED:
        return BrokerRefused(f"{where} refuses us: {text}")
    if code in _LATE:
        return BrokerUnavailable(
            f"{where} did not get a statement done in {address.timeout:g} s ({text}); "
            f"look for long transactions in information_schema.innodb_trx, or raise timeout in the URL"
        )
    if code in _READ_ONLY:
        return BrokerUnavailable(f"{where} takes no writes now: {text}; is it a replica?")
    if code == _TOO_BIG:
        return BrokerError(f"{where}: a message is too large: {text}; raise max_allowed_packet of the server")
    is_unnumbered = code is None and isinstance(error, pymysql.OperationalError | pymysql.InterfaceError | OSError)
    if code in _LOST or is_unnumbered:
        return BrokerUnavailable(f"{where} cannot be reached: {text}")
    return BrokerError(f"{where} refused a statement: {text}")


def _parts(error: Exception) -> tuple[int | None, str]:
    """The server's or the library's number, if there is one, and the text."""
    if len(error.args) >= 2 and isinstance(error.args[0], int):
        return error.args[0], mask(str(error.args[1]))
    return None, mask(str(error)) or type(error).__name__
