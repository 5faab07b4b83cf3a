"""The runner of coroutines for lanes that run one task at a time on a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any

from .home import make_home
from .interruptions import mind_signals


class ThreadRunner:
    """Runs a coroutine on the event loop of the thread that calls it."""

    def __init__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            mind_signals()

    def __call__(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        if _is_inside_loop():
            return _elsewhere(coroutine)
        return make_home().run(coroutine)


def _is_inside_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _elsewhere(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run it on a thread of its own, for loops do not nest; the loop that runs here stands still meanwhile."""
    ended: Future[Any] = Future()

    def run() -> None:
        try:
            ended.set_result(make_home().run(coroutine))
        except BaseException as error:  # noqa: BLE001  (raised again in the caller's thread)
            ended.set_exception(error)

    thread = threading.Thread(target=copy_context().run, args=(run,), name="eager-coroutine")
    thread.start()
    try:
        return ended.result()
    finally:
        thread.join()
