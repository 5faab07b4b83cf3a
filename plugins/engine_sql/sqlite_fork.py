"""No SQLite connection lives through a fork: all are closed before it, in every engine of the process.

SQLite knows the locks of a file by process-wide tables. A child that inherits an open connection
takes the parent's locks for its own, so even a new connection of the child locks nothing, or waits
for ever for a writer that is not there. Leaving inherited connections alone does not cure that;
having none does.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol


class Forkable(Protocol):
    """An engine, as seen by a fork."""

    def hold(self) -> None:
        """Close all connections and open none until `release`; called before a fork."""

    def release(self) -> None:
        """Undo `hold`; called in the parent, after the fork."""

    def forget_connections(self) -> None:
        """Start anew; called in the child."""


_engines: weakref.WeakSet[Forkable] = weakref.WeakSet()
_forking = threading.RLock()  # held through a fork by the thread that forks
_held: list[Forkable] = []  # by that thread


def close_before_forks(engine: Forkable) -> None:
    """From now on, as long as it lives, close the connections of `engine` before every fork."""
    with _forking:  # a fork in another thread goes through them
        _engines.add(engine)


def _before() -> None:
    _forking.acquire()
    for engine in list(_engines):
        engine.hold()
        _held.append(engine)


def _in_parent() -> None:
    while _held:
        _held.pop().release()
    _forking.release()


def _in_child() -> None:
    global _forking
    _forking = threading.RLock()
    while _held:
        _held.pop().forget_connections()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
