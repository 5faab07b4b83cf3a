"""The Redis store of locks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kernelq.contracts import Engine, Message
from kernelq.locks import Claim, Holder, Keep, LockStore, Op
from kernelq.redis import Fragment, RedisEngine, Script, Within, Word, store_errors

if TYPE_CHECKING:
    from kernelq import KernelQ

_FOLDER = Path(__file__).parent / "scripts"


def _read(name: str) -> str:
    return (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")


# One for everything: each set of fragments makes another script of the broker's.
_CHANGE = Fragment(_read("change"))
_APPLY = Script(f"local function change(args)\n{_CHANGE.body}\nend", _read("apply"))
_CLAIM = Script(_read("claim"))
_LOOK = Script(_read("look"))
_CLEAN = Script(_read("clean"))

_AT_ONCE = 1000
"""Claims asked for by one script: some milliseconds, in which Redis serves nobody else."""


class RedisLockStore(LockStore):
    """Claims in Redis, under one prefix."""

    engine: Engine

    def __init__(self, app: KernelQ, url: str) -> None:
        self.engine = app.engine(url)
        is_brokers = url == app.broker_url
        options = app.conf.broker_transport_options if is_brokers else app.conf.result_backend_transport_options
        self._space = cast(RedisEngine, self.engine).space(url, options)

    def claim(self, claims: Sequence[Claim]) -> list[Holder | None]:
        if not claims:
            return []
        words: list[Word] = []
        for claim in claims:
            words += [claim.key, claim.token, claim.task, _milliseconds(claim.ttl), claim.queue, claim.over or ""]
        with store_errors():
            answers = self._space.run(_CLAIM, words)
        return [_holder([claim.key, *held]) if held else None for claim, held in zip(claims, answers, strict=True)]

    def apply(self, ops: Sequence[Op]) -> Sequence[Message]:
        told: list[Word] = []
        for op in ops:
            words = _words(op, self._space.prefix)
            told += [len(words), *words]
        if told:
            with store_errors():
                self._space.run(_APPLY, told)
        return ()

    def apply_within(self, handle: Within, ops: Sequence[Op]) -> Sequence[Message]:
        for op in ops:
            handle.add(_CHANGE, self._space, _words(op, self._space.prefix))
        return ()

    def holders(self, keys: Collection[str]) -> dict[str, Holder]:
        names = list(keys)
        found: list[Holder] = []
        for i in range(0, len(names), _AT_ONCE):
            found += self._look("keys", *names[i : i + _AT_ONCE])
        return {holder.key: holder for holder in found}

    def claims(self, limit: int = 1000) -> list[Holder]:
        return self._look("oldest", limit)

    def free(self, key: str) -> bool:
        with store_errors():
            gone: int = self._space.call("DEL", self._space.key(f"claim:{key}"))
            self._space.call("ZREM", self._space.key("claims"), key)
        return gone > 0

    def cleanup(self) -> int:
        place, total = 0, 0
        with store_errors():
            while place >= 0:
                dropped, place = self._space.run(_CLEAN, [place])
                total += dropped
        return total

    def close(self) -> None:
        self.engine.close()

    def _look(self, *words: Word) -> list[Holder]:
        with store_errors():
            return [_holder(found) for found in self._space.run(_LOOK, words)]


def _words(op: Op, prefix: str) -> list[Word]:
    """What ``scripts/change.lua`` is told of one operation."""
    if isinstance(op, Keep):
        return ["K", prefix, op.key, op.token, _milliseconds(op.ttl), op.queue]
    return ["R", prefix, op.key, op.token]


def _holder(found: Sequence[Any]) -> Holder:
    key, token, task, queue, since, ends_at, now = found
    return Holder(
        key=key if isinstance(key, str) else key.decode(),
        token=token.decode(),
        task=task.decode(),
        queue=queue.decode(),
        since=int(since) / 1000,
        remaining=(int(ends_at) - int(now)) / 1000,
    )


def _milliseconds(ttl: float) -> int:
    return ceil(ttl * 1000)
