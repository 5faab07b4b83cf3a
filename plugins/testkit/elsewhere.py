"""Doing things elsewhere: on another thread soon, on many threads at once, in a forked child."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from threading import Timer
from typing import Any

SOON = 0.1
"""Seconds: long enough for the test's own thread to be waiting by then."""
PATIENCE = 30.0
"""Seconds after which something will never happen."""


@contextmanager
def soon(function: Callable[..., object], *args: Any) -> Iterator[None]:
    """Call a function on another thread in a moment; it has returned when the block ends."""
    timer = Timer(SOON, function, args)
    timer.start()
    try:
        yield
    finally:
        timer.join(PATIENCE)


def together(functions: Sequence[Callable[[], Any]]) -> list[Any]:
    """Call functions on a thread each, all at once; return what they return, in order."""
    with ThreadPoolExecutor(len(functions)) as pool:
        futures = [pool.submit(function) for function in functions]
        return [future.result(PATIENCE) for future in futures]


def in_child(function: Callable[[], object]) -> None:
    """Call a function in a forked child; it must not fail there."""
    with _forked(function):
        pass


def soon_in_child(function: Callable[[], object]) -> AbstractContextManager[None]:
    """Call a function in a child, forked now, in a moment; it has ended well when the block ends."""

    def wait_and_call() -> None:
        time.sleep(SOON)
        function()

    return _forked(wait_and_call)


@contextmanager
def _forked(function: Callable[[], object]) -> Iterator[None]:
    # On the calling thread: no driver promises to live through a fork in the middle of its work.
    child = multiprocessing.get_context("fork").Process(target=function)
    child.start()
    yield
    child.join(PATIENCE)
    if child.exitcode is None:
        child.kill()
        child.join()
    assert child.exitcode == 0, f"the forked child ended with {child.exitcode}; its error is on stderr"


def eventually(is_so: Callable[[], bool], within: float = PATIENCE) -> bool:
    """Whether a condition that nothing announces becomes true in time."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.02)
    return False
