"""Launching: what starts some steps, gathered as messages to publish and operations on the workflow store.

A group that is followed by something becomes a join: its members are told their places in it, and what follows is kept
with the join, once. What is long is kept in pages, so that every message holds but its own next steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from kernelq.contracts import Message
from kernelq.errors import EncodeError
from msgspec.structs import replace

from .canonical import canonical
from .contract import Op, Open
from .ids import new_id
from .joins import NOWHERE, Record, fan_in_message, place_in
from .names import ACCUMULATE
from .pages import paged, unpaged
from .steps import at_fault, call_options, id_of, is_group, members_of, revived, steps_of, tasks_in
from .store import required_store

if TYPE_CHECKING:
    from kernelq import KernelQ

Flush = Callable[["Launch"], None]


class Launch:
    """Gathers what starts steps on behalf of one caller or one ended run.

    `parent_id`, `root_id` and `reply_to` are given to all messages; without a `root_id` the first task or join is the root.
    With `flush`, which is called after each member of a group, generators are never held whole.
    """

    def __init__(
        self,
        app: KernelQ,
        *,
        parent_id: str | None = None,
        root_id: str | None = None,
        reply_to: str | None = None,
        flush: Flush | None = None,
    ) -> None:
        self.app = app
        self.parent_id = parent_id
        self.root_id = root_id
        self.reply_to = reply_to
        self.messages: list[Message] = []
        self.ops: list[Op] = []
        self._flush = flush

    def start(self, steps: list[Any], args: tuple[Any, ...] = (), chord: str | None = None) -> None:
        """Start the first of `steps`, with `args` before its own; the others follow it. Their end is counted at `chord`.

        Raises:
            ChordsNotSupported: a group is followed by something, and there is no store.
            EncodeError: an argument cannot be serialised; names it.
        """
        first, rest = steps[0], steps[1:]
        if is_group(first):
            group = canonical(revived(self.app, first), args) if args else first
            if rest or chord:
                self._join(group, rest or [_accumulate(self.app)], chord)
            else:
                self.root_id = self.root_id or id_of(first)
                for member in self._members(group):
                    self.start(steps_of(member))
        else:
            self._task(first, args, rest, chord)

    def _task(self, step: Any, args: tuple[Any, ...], rest: list[Any], chord: str | None) -> None:
        name, options = step["task"], call_options(step)
        options["chord"] = NOWHERE if chord is None and rest else chord
        if self.reply_to is not None:
            options["reply_to"] = self.reply_to
        if rest:
            options["task_id"] = task_id = options.get("task_id") or new_id()
            steps, pages = paged(self.app, task_id, rest)
            self.ops += pages
            options["chain"] = steps[::-1]  # the next one last, as Celery has them
        args = tuple(step["args"]) if step["immutable"] else (*args, *step["args"])
        try:
            message = self.app.publisher.message(self.app.tasks.get(name), name, args, step["kwargs"], options)
        except EncodeError as error:
            raise at_fault(error, options.get("chain") or (), "[2]['chain']") from error
        self.root_id = self.root_id or options.get("root_id") or message.id
        self.messages.append(
            replace(message, parent_id=self.parent_id or options.get("parent_id"), root_id=self.root_id)
        )

    def _join(self, group: Any, following: list[Any], chord: str | None) -> None:
        required_store(self.app, "a chord")
        join = id_of(group) or new_id()
        self.root_id = self.root_id or join
        following, read = unpaged(self.app, following)
        about = {"parent_id": self.parent_id, "root_id": self.root_id, "reply_to": self.reply_to}
        steps, pages = paged(self.app, join, following)
        self.ops += read + pages
        record = Record(steps=steps, chord=chord or NOWHERE, **about).pack(self.app)
        message = fan_in_message(self.app, join, next(iter(tasks_in(following)), None), about)
        if self._flush is not None:
            # Its size is known when all its members are; till then nobody is to think that it has none.
            self.ops.append(Open(join=join, message=message, record=record))
        size = 0
        for member in self._members(group):
            self.start(steps_of(member), chord=place_in(join, size))
            size += 1
        self.ops.append(Open(join=join, message=message, record=record, size=size))

    def _members(self, group: Any) -> Iterator[Any]:
        for member in members_of(group):
            yield member
            if self._flush is not None:
                self._flush(self)


def _accumulate(app: KernelQ) -> Any:
    return {
        "task": ACCUMULATE, "args": [], "kwargs": {"index": 0}, "options": {"task_id": new_id()}, "subtask_type": None,
        "immutable": False,
    }  # fmt: skip
