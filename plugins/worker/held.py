"""What a lane has done and not yet committed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from kernelq.contracts import Transition


class Held:
    """Transitions that wait, a few milliseconds, to be committed together.

    One thread adds, another may take at the same time: a deque's ends are safe without a lock.
    """

    def __init__(self) -> None:
        self._transitions: deque[Transition] = deque()
        self.since = 0.0
        """When the first of them came, monotonic seconds."""

    def __len__(self) -> int:
        return len(self._transitions)

    @property
    def is_plain(self) -> bool:
        """Whether nobody waits for any of them: they are acknowledgements and nothing more."""
        return not any(transition.effects or transition.successors for transition in tuple(self._transitions))

    def add(self, transition: Transition) -> None:
        """Keep one more."""
        if not self._transitions:
            self.since = time.monotonic()
        self._transitions.append(transition)

    def take(self) -> list[Transition]:
        """All that wait now; they are the caller's."""
        return [self._transitions.popleft() for _ in range(len(self._transitions))]

    def put_back(self, transitions: Sequence[Transition]) -> None:
        """Keep what could not be committed; before everything that came since."""
        self._transitions.extendleft(reversed(transitions))
