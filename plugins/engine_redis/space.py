"""A space: one driver's keys, in one database under one prefix."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kernelq.contracts import BrokerError, BrokerRefused

from .contract import Call, Script, Tap, Word

if TYPE_CHECKING:
    from .engine import RedisEngine

DEFAULT_PREFIX = "kernelq"

ALIASES = {"global_keyprefix": "prefix", "master_name": "master"}
"""Names of transport options that users of the field know → names here."""

_HAS_TAG = re.compile(r"\{[^}]+\}")


class RedisSpace:
    """See `kernelq.redis.Space`."""

    def __init__(self, engine: RedisEngine, prefix: str, db: int) -> None:
        self.engine = engine
        self.prefix = prefix
        self.db = db

    def key(self, name: str) -> str:
        return self.prefix + name

    def run(self, script: Script, args: Sequence[Word] = (), *, repeated: bool = False, may_repeat: bool = True) -> Any:
        return self.engine.run(self.db, script, self.prefix, args, repeated=repeated, may_repeat=may_repeat)

    def run_many(self, calls: Sequence[Call]) -> list[Any]:
        return self.engine.run_many(self.db, self.prefix, calls)

    @property
    def transacts(self) -> bool:
        return self.engine.transacts(self.db)

    def run_then(self, script: Script, args: Sequence[Word], commands: Sequence[Sequence[Word]]) -> Any:
        return self.engine.run_then(self.db, self.prefix, script, args, commands)

    def call(self, *words: Word) -> Any:
        return self.engine.call(self.db, *words)

    def tap(self) -> Tap | None:
        return self.engine.tap(self.db)

    def describe(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.engine.tell(self.db, self.prefix, "INFO")
        return found

    def settings(self, *names: str) -> Mapping[str, str] | None:
        found: dict[str, str] = {}
        try:
            for name in names:
                found |= _text(self.engine.tell(self.db, self.prefix, "CONFIG GET", name))
        except BrokerRefused:
            return None
        except BrokerError as error:
            if "unknown command" in str(error):  # managed servers rename it away
                return None
            raise
        return found


def prefix_of(name: str | None) -> str:
    """How all keys begin under the prefix a user gave: with a hash tag, and a colon after it."""
    name = (name or DEFAULT_PREFIX).rstrip(":") or DEFAULT_PREFIX
    return f"{name}:" if _HAS_TAG.search(name) else f"{{{name}}}:"


def _text(pairs: Mapping[Any, Any]) -> dict[str, str]:
    return {_decoded(name): _decoded(value) for name, value in pairs.items()}


def _decoded(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
