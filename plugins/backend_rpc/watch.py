"""Waiting for replies."""

from __future__ import annotations

import time
from collections.abc import Collection

from kernelq.contracts import Outcome, Watch

from .home import Home


class RpcWatch(Watch):
    """Waits for outcomes of some tasks; a connection that was lost is made anew."""

    def __init__(self, home: Home, ids: Collection[str]) -> None:
        self._home = home
        self._ids = frozenset(ids)
        self._changed = home.shelf.follow(self._ids)

    def changes(self, timeout: float) -> list[Outcome]:
        deadline = time.monotonic() + timeout
        shelf = self._home.shelf
        while True:
            self._home.open()
            with shelf.news:
                while not self._changed and self._home.is_open:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        break
                    shelf.news.wait(left)
                changed = list(self._changed)
                self._changed.clear()
            if changed or time.monotonic() >= deadline:
                found = shelf.get_many(changed)
                return list(found.values())

    def close(self) -> None:
        self._home.shelf.unfollow(self._ids, self._changed)
