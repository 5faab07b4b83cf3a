"""The Redis store of schedules."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
from kernelq.beat import (
    Board,
    Claim,
    Mark,
    NotLeading,
    Op,
    Open,
    ScheduleStore,
    Sent,
    instant_of,
    namespace_of,
    ticks_of,
)
from kernelq.contracts import Broker, Engine, Message, pack, unpack
from kernelq.redis import Fragment, Guard, RedisEngine, Script, Within, Word, store_errors

if TYPE_CHECKING:
    from kernelq import KernelQ

_FOLDER = Path(__file__).parent / "scripts"


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")


_CLAIM_WITHIN = Fragment(_read("claim"))
_CLOSE_WITHIN = Fragment(_read("close"))
_CLAIM = Script(
    f"local function claim(args)\n{_CLAIM_WITHIN.body}\nend",
    "local args = { KEYS[1], unpack(ARGV, 2) }\nargs.again = ARGV[1] == '1'\nreturn claim(args)",
)
_APPLY = Script(f"local function close(args)\n{_CLOSE_WITHIN.body}\nend", _read("apply"))
_LEAD = Script(_read("lead"))
_EDIT = Script(_read("edit"))
_BOARD = Script(_read("board"))


class RedisScheduleStore(ScheduleStore):
    """Marks and entries in Redis, under one prefix."""

    engine: Engine

    def __init__(self, app: KernelQ, url: str) -> None:
        self.engine = app.engine(url)
        options: dict[str, Any] = app.conf.broker_transport_options if url == app.broker_url else {}
        self._space = copy(cast(RedisEngine, self.engine).space(url, options))
        namespace = namespace_of(app)
        if namespace:
            self._space.prefix += f"schedules:{namespace}:"

    def lead(self, holder: str, lease: float) -> int | None:
        with store_errors():
            fence: int | None = self._space.run(_LEAD, [holder, lease])
        return fence

    def resign(self, holder: str) -> None:
        with store_errors():
            self._space.run(_LEAD, [holder, 0])

    def version(self) -> int:
        with store_errors():
            return int(self._space.call("HGET", self._space.key("beat"), "version") or 0)

    def board(self) -> Board:
        with store_errors():
            version, entries, marks, opened = self._space.run(_BOARD)
        return Board(
            version=int(version or 0),
            entries={name.decode(): msgspec.json.decode(raw) for name, raw in _pairs(entries)},
            marks={key.decode(): _mark(raw) for key, raw in _pairs(marks)},
            open=[_open(field, raw) for field, raw in sorted(_pairs(opened))],
        )

    def claim(self, claim: Claim, *, fence: int, broker: Broker | None = None) -> bool:
        seen: Word = "" if claim.seen is None else ticks_of(claim.seen)
        kept: Word = pack(claim.message) if claim.message is not None and broker is None else b""
        flags: list[Word] = ["01"[claim.message is not None], "01"[claim.watched]]
        words: list[Word] = [fence, claim.key, seen, ticks_of(claim.last), *flags, kept]
        if broker is not None and claim.message is not None:
            guard = Guard(_CLAIM_WITHIN, self._space, [self._space.prefix, *words])
            broker.publish_within(guard, [claim.message])
            answer = guard.answer
        else:
            with store_errors():
                answer = self._space.run(_CLAIM, words)
        if answer == -1:
            raise NotLeading(claim.key)
        return answer == 1

    def put(self, name: str, definition: dict[str, Any], *, is_new: bool) -> bool:
        with store_errors():
            return bool(self._space.run(_EDIT, ["put", name, msgspec.json.encode(definition), "01"[is_new]]))

    def remove(self, key: str) -> bool:
        origin, _, name = key.partition(":")
        with store_errors():
            return bool(self._space.run(_EDIT, ["remove", key, name if origin == "store" else ""]))

    def pause(self, key: str, paused: bool, *, now: float) -> None:
        with store_errors():
            self._space.run(_EDIT, ["pause", key, "01"[paused], ticks_of(now)])

    def apply(self, ops: Sequence[Op]) -> Sequence[Message]:
        if ops:
            with store_errors():
                self._space.run(_APPLY, [word for op in ops for word in self._words(op)])
        return ()

    def apply_within(self, handle: Within, ops: Sequence[Op]) -> Sequence[Message]:
        for op in ops:
            handle.add(_CLOSE_WITHIN, self._space, self._words(op))
        return ()

    def close(self) -> None:
        self.engine.close()

    def _words(self, op: Op) -> list[Word]:
        return ["S" if isinstance(op, Sent) else "E", self._space.prefix, op.key, ticks_of(op.instant)]


def _pairs(flat: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def _mark(raw: bytes) -> Mark:
    last, count, paused = raw.split()
    return Mark(last=instant_of(int(last)), count=int(count), paused=paused == b"1")


def _open(field: bytes, raw: bytes) -> Open:
    ticks, _, key = field.partition(b" ")
    message = unpack(raw[1:]) if len(raw) > 1 else None
    return Open(
        key=key.decode(), instant=instant_of(int(ticks)), message=message if isinstance(message, Message) else None
    )
