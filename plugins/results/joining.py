"""Whether waiting for a result is allowed here: inside a task it can block every worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from kernelq.contracts import running

_allowed: ContextVar[bool | None] = ContextVar("kernelq_joining_allowed", default=None)
"""What a block around this code says; None: outside tasks it is allowed, inside it is not."""


@contextmanager
def allow_join_result() -> Iterator[None]:
    """Let results be waited for inside a task within this block, on this thread or coroutine."""
    token = _allowed.set(True)
    try:
        yield
    finally:
        _allowed.reset(token)


@contextmanager
def denied_join_result() -> Iterator[None]:
    """Let nothing be waited for within this block, on this thread or coroutine."""
    token = _allowed.set(False)
    try:
        yield
    finally:
        _allowed.reset(token)


def assert_will_not_block() -> None:
    """Raise `RuntimeError` where waiting for a result could block every worker: inside a task."""
    allowed = _allowed.get()
    if allowed is None:
        request = running()
        allowed = request is None or request.message is None
    if not allowed:
        raise RuntimeError(
            "never call result.get() within a task: it can block every worker; let the next task be called by this one, "
            "or pass disable_sync_subtasks=False if you know that enough workers are free"
        )
