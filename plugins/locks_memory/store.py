"""The memory store: claims under the lock of the engine it shares with the memory broker."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, cast

from kernelq.contracts import Engine, Message
from kernelq.locks import Claim, Holder, LockStore, Op

from .book import Book
from .shared_memory import SharedMemory

if TYPE_CHECKING:
    from kernelq import KernelQ


class MemoryLockStore(LockStore):
    """Claims in this process's memory; several stores on one engine are one."""

    engine: Engine

    def __init__(self, app: KernelQ, url: str) -> None:
        self.engine = app.engine(url)
        self._memory = cast(SharedMemory, self.engine)

    def claim(self, claims: Sequence[Claim]) -> list[Holder | None]:
        with self._memory.condition:
            now = self._memory.now()
            return [self._book.claim(claim, now) for claim in claims]

    def apply(self, ops: Sequence[Op]) -> Sequence[Message]:
        with self._memory.condition:
            return self.apply_within(None, ops)

    def apply_within(self, handle: Any, ops: Sequence[Op]) -> Sequence[Message]:
        now = self._memory.now()
        for op in ops:
            self._book.do(op, now)
        return ()

    def holders(self, keys: Collection[str]) -> dict[str, Holder]:
        with self._memory.condition:
            return self._book.holders(keys, self._memory.now())

    def claims(self, limit: int = 1000) -> list[Holder]:
        with self._memory.condition:
            return self._book.claims(limit, self._memory.now())

    def free(self, key: str) -> bool:
        with self._memory.condition:
            return self._book.free(key, self._memory.now())

    def cleanup(self) -> int:
        with self._memory.condition:
            return self._book.clean(self._memory.now())

    @property
    def _book(self) -> Book:
        return self._memory.space("locks", Book)
