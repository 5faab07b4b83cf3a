"""The memory backend: outcomes under the lock of the engine it shares with the memory broker."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, cast

from kernelq.contracts import Backend, Message, Outcome

from .shared_memory import SharedMemory
from .shelf import Shelf
from .watch import MemoryWatch

if TYPE_CHECKING:
    from kernelq import KernelQ


class MemoryBackend(Backend):
    """Outcomes in this process's memory; several backends on one engine are one."""

    def __init__(self, app: KernelQ, url: str) -> None:
        self.engine = app.engine(url)
        self._memory = cast(SharedMemory, self.engine)

    def apply(self, ops: Sequence[Outcome]) -> Sequence[Message]:
        with self._memory.condition:
            return self.apply_within(None, ops)

    def apply_within(self, handle: Any, ops: Sequence[Outcome]) -> Sequence[Message]:
        now = self._memory.now()
        for outcome in ops:
            self._shelf.put(outcome, now)
        self._memory.condition.notify_all()
        return ()

    def get_many(self, ids: Collection[str]) -> dict[str, Outcome]:
        with self._memory.condition:
            now = self._memory.now()
            found = {task_id: self._shelf.get(task_id, now) for task_id in ids}
        return {task_id: outcome for task_id, outcome in found.items() if outcome is not None}

    def watch(self, ids: Collection[str]) -> MemoryWatch:
        return MemoryWatch(self._memory, ids)

    def forget(self, ids: Collection[str]) -> None:
        with self._memory.condition:
            for task_id in ids:
                self._shelf.drop(task_id)

    def cleanup(self) -> int:
        with self._memory.condition:
            return self._shelf.clean(self._memory.now())

    @property
    def _shelf(self) -> Shelf:
        return self._memory.space("backend", Shelf)
