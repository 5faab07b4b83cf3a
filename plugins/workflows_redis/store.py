"""The Redis store of workflows: joins and kept values."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kernelq.contracts import BackendError, Engine, Message, unpack
from kernelq.redis import Fragment, RedisEngine, Script, Within, Word, store_errors
from kernelq.workflows import Join, Op, WorkflowStore

from .words import words_of

if TYPE_CHECKING:
    from kernelq import KernelQ

_FOLDER = Path(__file__).parent / "scripts"


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")


# One for everything: each set of fragments makes another script of the broker's.
_CHANGE = Fragment(_read("change"))
_CHANGE_FIRST = f"local function change(args)\n{_CHANGE.body}\nend"
_APPLY = Script(_CHANGE_FIRST, _read("apply"))
_OVERDUE = Script(_CHANGE_FIRST, _read("overdue"))
_JOIN = Script(_read("join"))

_OPEN = ("joins:early", "joins:fired", "joins:waiting")
"""Keys of what can be overdue."""

_AT_ONCE = 1000
"""Parts or values read by one command: some hundred microseconds, in which Redis serves nobody else."""


class RedisWorkflowStore(WorkflowStore):
    """Joins and values in Redis, under one prefix."""

    engine: Engine

    def __init__(self, app: KernelQ, url: str) -> None:
        self.engine = app.engine(url)
        is_brokers = url == app.broker_url
        options = app.conf.broker_transport_options if is_brokers else app.conf.result_backend_transport_options
        self._space = cast(RedisEngine, self.engine).space(url, options)

    def apply(self, ops: Sequence[Op]) -> Sequence[Message]:
        if not ops:
            return ()
        told: list[Word] = []
        for op in ops:
            words = words_of(op, self._space.prefix)
            told += [len(words), *words]
        with store_errors():
            return [_message(blob) for blob in self._space.run(_APPLY, told)]

    def apply_within(self, handle: Within, ops: Sequence[Op]) -> Sequence[Message]:
        for op in ops:
            handle.add(_CHANGE, self._space, words_of(op, self._space.prefix))
        return ()

    def join(self, join: str) -> Join | None:
        with store_errors():
            found = self._space.run(_JOIN, [join])
        if not found:
            return None
        state, record, size, failed, opened_at, arrived = found
        return Join(
            state=state.decode(),
            record=record,
            size=None if size is None else int(size),
            arrived=arrived,
            failed=None if failed is None else int(failed),
            opened_at=float(opened_at),
        )

    def parts(self, join: str, start: int, stop: int) -> list[bytes | None]:
        key = self._space.key(f"parts:{join}")
        found: list[bytes | None] = []
        for some in _chunks(range(start, stop)):
            with store_errors():
                found += self._space.call("HMGET", key, *some)
        return found

    def kept(self, keys: Collection[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for some in _chunks(list(keys)):
            with store_errors():
                values = self._space.call("MGET", *(self._space.key(f"kept:{key}") for key in some))
            found |= {key: value for key, value in zip(some, values, strict=True) if value is not None}
        return found

    def overdue(self, *, fired: float, open: float) -> list[Message]:
        with store_errors():
            if not self._space.call("EXISTS", *map(self._space.key, _OPEN)):
                return []  # most often; this is asked by each worker all the time
            return [_message(blob) for blob in self._space.run(_OVERDUE, [fired, open])]

    def close(self) -> None:
        self.engine.close()


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[i : i + _AT_ONCE] for i in range(0, len(items), _AT_ONCE))


def _message(blob: bytes) -> Message:
    message = unpack(blob)
    if not isinstance(message, Message):
        raise BackendError(f"a join's message cannot be read: {message.reason}")
    return message
