"""The store's statements, in SQLAlchemy's words but for the one that dialects spell differently."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kernelq.locks import ANYBODY, Claim, Holder, Keep, Op, Release
from sqlalchemy import Insert, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from .tables import claims

_BY_KEY = select(claims).where(claims.c.key == bindparam("b_key")).with_for_update()
_OWN = (claims.c.key == bindparam("b_key"), claims.c.token == bindparam("b_token"))
_RELEASE = delete(claims).where(*_OWN)
_LIVES = (claims.c.queue != "") | (claims.c.ends_at > bindparam("b_now"))
_KEEP = update(claims).where(*_OWN, _LIVES).values(queue=bindparam("b_queue"), ends_at=bindparam("b_ends_at"))
_OVERWRITE = (
    update(claims)
    .where(claims.c.key == bindparam("b_key"))
    .values({name: bindparam(f"b_{name}") for name in ("token", "task", "queue", "since", "ends_at")})
)

_INSERTS: dict[str, Callable[[], Insert]] = {
    "sqlite": lambda: sqlite.insert(claims).on_conflict_do_nothing(),
    "postgresql": lambda: postgresql.insert(claims).on_conflict_do_nothing(),
    "mysql": lambda: insert(claims).prefix_with("IGNORE"),
}
"""SQLAlchemy's name of the dialect → an INSERT that does nothing where the key has a row."""


def insert_of(dialect: str) -> Insert:
    """The INSERT of a dialect."""
    return _INSERTS[dialect]().execution_options(preserve_rowcount=True)


def stored(key: str) -> str:
    """A key as its row has it: MySQL leaves spaces at the end out of account when it compares."""
    return f"{key}."


def claim(connection: Any, insert: Insert, wanted: Claim, now: float) -> Holder | None:
    """Have a key, or see who has it.

    Inserted first: most keys are free, and to lock a row that is not there is what MySQL's deadlocks are made of.
    """
    row = {
        "key": stored(wanted.key), "token": wanted.token, "task": wanted.task, "queue": wanted.queue, "since": now,
        "ends_at": now + wanted.ttl,
    }  # fmt: skip
    while not connection.execute(insert, row).rowcount:
        found = connection.execute(_BY_KEY, {"b_key": row["key"]}).one_or_none()
        if found is None:
            continue  # it was freed in between
        lives = found.queue or found.ends_at > now
        if lives and wanted.over != ANYBODY and found.token not in (wanted.token, wanted.over):
            return seen(found, now)
        connection.execute(_OVERWRITE, {f"b_{name}": value for name, value in row.items()})
        return None
    return None


def carry_out(connection: Any, ops: Sequence[Op], now: float) -> None:
    """Do all, in this order; runs of one kind go to the server together."""
    run: list[dict[str, Any]] = []
    kind: type[Op] | None = None
    for op in ops:
        if kind is not None and type(op) is not kind:
            connection.execute(_RELEASE if kind is Release else _KEEP, run)
            run = []
        kind = type(op)
        words: dict[str, Any] = {"b_key": stored(op.key), "b_token": op.token}
        if isinstance(op, Keep):
            words |= {"b_queue": op.queue, "b_ends_at": now + op.ttl, "b_now": now}
        run.append(words)
    if run:
        connection.execute(_RELEASE if kind is Release else _KEEP, run)


def seen(row: Any, now: float) -> Holder:
    """A row as others see it."""
    return Holder(
        key=row.key[:-1], token=row.token, task=row.task, queue=row.queue, since=row.since, remaining=row.ends_at - now
    )
