"""The home of a thread's coroutines: its event loop, and what may interrupt them there."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any, Final

from .coroutines import Interruptible

GRACE: Final = 1.0
"""Seconds a cancelled coroutine has to clean up when nobody waits for what it returns."""


class Home:
    """One event loop, made with the object. Used by the thread that made it, except where it says so."""

    def __init__(self) -> None:
        # Made by asyncio, so that an event loop policy (uvloop's, say) counts; not set as the thread's own, which is the user's.
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._task: asyncio.Task[Any] | None = None
        self._running: Interruptible | None = None
        self._fatal: BaseException | None = None  # ends the run, whatever the coroutine makes of it
        self.is_haunted = False
        """Whether something in it does not let itself be cancelled: it stands still from now on."""

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """What the coroutine returns or raises; tasks it left behind are cancelled."""
        loop = self._loop
        self._fatal, self._running = None, Interruptible(coroutine)
        task = loop.create_task(self._running.run(), context=copy_context())
        try:
            self._task = task
            self._go_on(task)
        except BaseException as error:  # noqa: BLE001  (raised below, when the coroutine has ended)
            self._fatal = self._fatal or error  # something raised in the loop itself, as Ctrl-C does
        finally:
            self._task = None  # from here on an interruption is the caller's
        self._clear()
        if self._fatal is not None:
            raise self._fatal
        if task.cancelled():
            raise asyncio.CancelledError(f"{task.get_coro()} was cancelled, and not by us")
        raised = task.exception()
        if raised is not None:
            raise raised  # not by `result`, which would put asyncio's frames into the traceback
        return task.result()

    def interrupt(self, error: BaseException) -> bool:
        """Have `error` end the running coroutine; False when the caller is to raise it. In an OS signal handler.

        False while no coroutine runs, or while its own code does: then the exception lands in it as in any
        function. Raised elsewhere in the loop it could hit another task, or the loop between two of its steps.
        """
        task = self._task
        if task is None or task.done() or asyncio.current_task(self._loop) is task:
            return False
        self._loop.call_soon_threadsafe(self._interrupt, task, error)
        return True

    def close(self) -> None:
        """Close the loop."""
        self._runner.close()

    def _interrupt(self, task: asyncio.Task[Any], error: BaseException) -> None:
        if isinstance(error, Exception) and self._running is not None:
            self._running.interrupt(task, error)  # the task's to catch
            return
        self._fatal = error
        task.cancel()
        self._loop.call_later(GRACE, self._give_up, task)

    def _give_up(self, task: asyncio.Task[Any]) -> None:
        if task is self._task and not task.done():
            self._loop.stop()

    def _go_on(self, task: asyncio.Task[Any]) -> None:
        """Run the loop until the task has ended; its exception stays in it."""
        task.add_done_callback(_stop)
        try:
            self._loop.run_forever()
        finally:
            task.remove_done_callback(_stop)

    def _clear(self) -> None:
        """End all that is still there; what does not let itself be cancelled is left, and runs no more."""
        left = asyncio.all_tasks(self._loop)
        if not left:
            return
        for task in left:
            task.cancel()
        ended, undying = self._loop.run_until_complete(asyncio.wait(left, timeout=GRACE))
        self.is_haunted = bool(undying)
        for task in ended:
            if not task.cancelled():
                task.exception()  # seen: asyncio would say that nobody asked for it

    def __del__(self) -> None:
        if not self._loop.is_closed():
            self.close()  # the thread ends, and with it its locals


def _stop(task: asyncio.Task[Any]) -> None:
    task.get_loop().stop()


class _Here(threading.local):
    home: Home | None = None


_here = _Here()
_left: list[Home | None] = []


def home_here() -> Home | None:
    """This thread's home, if it has one."""
    return _here.home


def make_home() -> Home:
    """This thread's home; a new one when the last is no good."""
    if _here.home is not None and _here.home.is_haunted:
        _move_out()
    if _here.home is None:
        _here.home = Home()
    return _here.home


def _leave() -> None:
    home, _here.home = _here.home, None
    if home is not None:
        home.close()


def _move_out() -> None:
    """Leave without closing, which would wait for ever, or in a fork take the parent's wake-ups out of the shared selector."""
    _left.append(_here.home)
    _here.home = None


atexit.register(_leave)
os.register_at_fork(after_in_child=_move_out)
