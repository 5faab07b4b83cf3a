"""Memory: what this process gave back by itself, so that getting it again does not look like somebody's death."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

MOST = 10_000
"""Messages remembered; of those that went back before, somebody's death is suspected, which costs a mark and no more."""


class Memory:
    """(queue, identity of a message) → the hand-outs it had when it went back. From any thread."""

    def __init__(self) -> None:
        self._fences: OrderedDict[tuple[str, str], int] = OrderedDict()

    def note(self, given: Iterable[tuple[str, str, int] | None]) -> None:
        """These (queue, identity, fence) went back; None is one that is not to be remembered."""
        for each in given:
            if each is not None:
                queue, ident, fence = each
                self._fences[queue, ident] = fence
        while len(self._fences) > MOST:
            try:
                self._fences.popitem(last=False)
            except KeyError:
                return  # another thread was quicker

    def recall(self, queue: str, ident: str) -> int | None:
        """The fence that a message of that identity went back with, and forget it; None when it is not known."""
        return self._fences.pop((queue, ident), None)
