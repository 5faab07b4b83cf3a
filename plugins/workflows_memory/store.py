"""The memory store: joins under the lock of the engine it shares with the memory broker."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, cast

from kernelq.contracts import Engine, Message
from kernelq.workflows import Join, Op, WorkflowStore

from .shared_memory import SharedMemory
from .shelf import Shelf

if TYPE_CHECKING:
    from kernelq import KernelQ


class MemoryWorkflowStore(WorkflowStore):
    """Joins and values in this process's memory; several stores on one engine are one."""

    engine: Engine

    def __init__(self, app: KernelQ, url: str) -> None:
        self.engine = app.engine(url)
        self._memory = cast(SharedMemory, self.engine)

    def apply(self, ops: Sequence[Op]) -> Sequence[Message]:
        with self._memory.condition:
            return self.apply_within(None, ops)

    def apply_within(self, handle: Any, ops: Sequence[Op]) -> Sequence[Message]:
        now = self._memory.now()
        return [message for op in ops for message in self._shelf.do(op, now)]

    def join(self, join: str) -> Join | None:
        with self._memory.condition:
            return self._shelf.join(join, self._memory.now())

    def parts(self, join: str, start: int, stop: int) -> list[bytes | None]:
        with self._memory.condition:
            return self._shelf.parts(join, range(start, stop), self._memory.now())

    def kept(self, keys: Collection[str]) -> dict[str, bytes]:
        with self._memory.condition:
            return self._shelf.kept(keys, self._memory.now())

    def overdue(self, *, fired: float, open: float) -> list[Message]:
        with self._memory.condition:
            return self._shelf.overdue(fired, open, self._memory.now())

    def cleanup(self) -> int:
        with self._memory.condition:
            return self._shelf.clean(self._memory.now())

    @property
    def _shelf(self) -> Shelf:
        return self._memory.space("workflows", Shelf)
