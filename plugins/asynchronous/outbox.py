"""The outbox of an event loop: what was called in one turn of it goes out together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from functools import cache
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

from kernelq import KernelQ
from kernelq.bulk import publish_each
from kernelq.contracts import Message, StashKey

MOST_AT_ONCE: Final = 1000
"""Messages in one publish: an engine that serves one client at a time is not held up longer than some milliseconds."""

PUBLISHERS: Final = 4
"""Threads that publish: so many round trips may be under way."""


class _Call(NamedTuple):
    message: Message
    policy: dict[str, Any]
    context: Context
    accepted: asyncio.Future[str | None]


class Outbox:
    """Messages of one app and event loop. Used on the loop's thread."""

    def __init__(self, app: KernelQ) -> None:
        self._app = app
        self._waiting: list[_Call] = []

    async def put(self, message: Message, policy: dict[str, Any]) -> str | None:
        """Publish; the id of the task that holds the message's place, or None. Raises why it was not accepted."""
        loop = asyncio.get_running_loop()
        accepted: asyncio.Future[str | None] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._flush)  # after all that is ready to run in this turn
        self._waiting.append(_Call(message, policy, copy_context(), accepted))
        return await accepted

    def _flush(self) -> None:
        calls, self._waiting = self._waiting, []
        for batch in self._batches(calls):
            asyncio.get_running_loop().run_in_executor(_threads(), self._publish, batch)

    def _batches(self, calls: list[_Call]) -> list[list[_Call]]:
        """Calls that may share a publish: of one retry policy, and by itself each that plugins look at.

        Hooks read context variables (the span of a trace, say), which are each caller's own.
        """
        plugins = self._app.plugins
        is_apart = bool(plugins.heard("before_task_publish") or plugins.heard("admit"))
        batches: list[list[_Call]] = []
        for call in calls:
            last = batches[-1] if batches else []
            if last and not is_apart and last[-1].policy == call.policy and len(last) < MOST_AT_ONCE:
                last.append(call)
            else:
                batches.append([call])
        return batches

    def _publish(self, calls: Sequence[_Call]) -> None:
        """On a publishing thread."""
        first = calls[0]
        messages = [call.message for call in calls]
        fates = first.context.run(publish_each, self._app, messages, first.policy)
        loop = first.accepted.get_loop()
        try:
            loop.call_soon_threadsafe(_tell, calls, fates)
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more


def _tell(calls: Sequence[_Call], fates: dict[str, str | Exception]) -> None:
    for call in calls:
        fate = fates.get(call.message.id)
        if call.accepted.done():
            continue  # whoever waited was cancelled
        if isinstance(fate, Exception):
            call.accepted.set_exception(fate)
        else:
            call.accepted.set_result(fate)


_OUTBOXES: StashKey[WeakKeyDictionary[asyncio.AbstractEventLoop, Outbox]] = StashKey()


def outbox_of(app: KernelQ) -> Outbox:
    """The outbox of an app in the running loop."""
    boxes = app.stash.get(_OUTBOXES, None)
    if boxes is None:
        boxes = app.stash.setdefault(_OUTBOXES, WeakKeyDictionary())
    loop = asyncio.get_running_loop()
    box = boxes.get(loop)
    if box is None:
        box = boxes[loop] = Outbox(app)
    return box


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(PUBLISHERS, thread_name_prefix="publisher")


os.register_at_fork(after_in_child=_threads.cache_clear)  # a fork has none of its parent's threads
