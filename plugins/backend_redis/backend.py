"""The Redis backend: outcomes by task id, under the rule of who may overwrite what."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from kernelq.contracts import SUCCESS, Backend, Engine, Message, Outcome, pack_outcome
from kernelq.redis import Fragment, RedisEngine, Script, Within, Word, store_errors

from .errors import read_outcome
from .watch import HEADER, RedisWatch

if TYPE_CHECKING:
    from kernelq import KernelQ

_STORE = Fragment((Path(__file__).parent / "scripts" / "store.lua").read_text(encoding="utf-8"))

_STORE_ALL = Script(
    f"local function store(args)\n{_STORE.body}\nend",
    """
    -- ARGV[2…]: of each outcome how many arguments, and those
    local i = 2
    while ARGV[i] do
      store({ unpack(ARGV, i + 1, i + ARGV[i]) })
      i = i + 1 + ARGV[i]
    end
    """,
)


class RedisBackend(Backend):
    """Outcomes in Redis, under one prefix."""

    engine: Engine

    def __init__(self, app: KernelQ, url: str) -> None:
        self.engine = app.engine(url)
        self._redis = cast(RedisEngine, self.engine)
        self._space = self._redis.space(url, app.conf.result_backend_transport_options)

    def apply(self, ops: Sequence[Outcome]) -> Sequence[Message]:
        words: list[Word] = []
        for outcome in ops:
            args = self._args(outcome)
            words += [len(args), *args]
        with store_errors():
            self._space.run(_STORE_ALL, words)
        return ()

    def apply_within(self, handle: Within, ops: Sequence[Outcome]) -> Sequence[Message]:
        for outcome in ops:
            handle.add(_STORE, self._space, self._args(outcome))
        return ()

    def get_many(self, ids: Collection[str]) -> dict[str, Outcome]:
        return {task_id: read_outcome(task_id, blob) for task_id, blob in self._load(ids).items()}

    def watch(self, ids: Collection[str]) -> RedisWatch:
        return RedisWatch(self._redis, self._space, self._load, self._key, ids)

    def forget(self, ids: Collection[str]) -> None:
        if ids:
            with store_errors():
                self._space.call("UNLINK", *map(self._key, ids))

    def close(self) -> None:
        self.engine.close()

    def _load(self, ids: Collection[str]) -> dict[str, bytes]:
        """The packed outcomes of those that are stored, by task id."""
        listed = list(ids)
        if not listed:
            return {}
        with store_errors():
            values = self._space.call("MGET", *map(self._key, listed))
        return {task_id: value[HEADER:] for task_id, value in zip(listed, values, strict=True) if value is not None}

    def _args(self, outcome: Outcome) -> list[Word]:
        value = b"%d%016d%b" % (outcome.state == SUCCESS, outcome.fence, pack_outcome(outcome))
        if outcome.ttl is None:
            return [self._key(outcome.id), value]
        return [self._key(outcome.id), value, max(1, int(outcome.ttl * 1000))]

    def _key(self, task_id: str) -> str:
        return self._space.key(f"result:{task_id}")
