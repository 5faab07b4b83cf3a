"""What SQLite says, in our words: which file, what is wrong, and the way out.

Source: the result codes of https://www.sqlite.org/rescode.html; the low byte is the primary code.
"""

from __future__ import annotations

import os
import sqlite3

from kernelq.contracts import BrokerError, BrokerFull, BrokerRefused, BrokerUnavailable
from sqlalchemy.exc import DBAPIError

from .sqlite_address import SqliteAddress

BUSY_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_REFUSED_CODES = frozenset(
    {
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_RANGE,
    }
)
"""The statement is at fault, not the file: trying again does not help."""


def primary_code(error: sqlite3.Error) -> int:
    """The primary result code; -1 for an error that Python's module raised by itself."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else code & 0xFF


def explain(error: sqlite3.Error | DBAPIError, address: SqliteAddress) -> BrokerError:
    """The error of ours that stands for `error`; the caller raises it ``from error``."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, sqlite3.Error):
        return BrokerError(f"{address.path}: {error}")
    code, path = primary_code(cause), address.path
    if code in BUSY_CODES:
        return BrokerUnavailable(
            f"{path} was locked by other writers for {address.busy_timeout:g} s ({cause}); "
            f"look for a program that keeps it open in a transaction, or raise busy_timeout in the URL"
        )
    if code == sqlite3.SQLITE_FULL:
        return BrokerFull(f"no room to write {path}: {cause}; free some disk space")
    if getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_WRITE:
        # A quota and a limit on file sizes come as this code; only ENOSPC comes as SQLITE_FULL.
        return BrokerFull(f"could not write {path}: {cause}; check its disk, quota and file size limit")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return BrokerRefused(f"cannot write {path}: {_obstacle(path)} ({cause})")
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return BrokerRefused(f"{path} is not a sound SQLite database: {cause}; move it away or use another file")
    if code in _REFUSED_CODES:
        return BrokerError(f"{path}: a statement was refused: {cause}")
    return BrokerUnavailable(f"{path} cannot be used now: {cause}")


def _obstacle(path: str) -> str:
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        return f"the folder {folder} does not exist; create it or use another path"
    if os.path.isdir(path):
        return "it is a folder; name a file in it"
    return f"this user needs write access to the file and to the folder {folder}, where its log lies"
