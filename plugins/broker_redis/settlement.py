"""What the script that settles is told of transitions; see ``scripts/settle.lua``."""

from __future__ import annotations

from collections.abc import Sequence

from kernelq.contracts import Transition, Verdict
from kernelq.redis import Fragment, Space, Word

from .parcels import runs_of

_LETTERS = {Verdict.ACK: "A", Verdict.REQUEUE: "R", Verdict.PARK: "P", Verdict.CRASHED: "C", Verdict.DEAD: "D"}


class Settlement:
    """Transitions of one consumer as `words` for the script, with the `fragments` that stores want in it.

    `order` has the transitions as the script counts them: plain acks first, they are the most.
    """

    def __init__(self, transitions: Sequence[Transition]) -> None:
        plain = [each for each in transitions if _is_plain(each)]
        others = [each for each in transitions if not _is_plain(each)]
        self.order = plain + others
        self._positions: dict[Fragment, int] = {}
        self.words: list[Word] = [len(plain)]
        for transition in plain:
            self.words += transition.delivery.tag
        for transition in others:
            self.words += self._words_of(transition)

    @property
    def fragments(self) -> tuple[Fragment, ...]:
        """In the order of their positions."""
        return tuple(self._positions)

    def _words_of(self, transition: Transition) -> list[Word]:
        effects, followers = _Effects(self._positions), list(transition.successors)
        for effect in transition.effects:
            followers += effect.store.apply_within(effects, [effect.op])
        runs = runs_of(followers)
        return [
            *transition.delivery.tag,
            _LETTERS[transition.verdict],
            transition.delay,
            transition.reason,
            len(runs),
            *(word for run in runs for word in run),
            effects.number,
            *effects.words,
        ]


class _Effects:
    """The effects of one transition; see `kernelq.redis.Within`."""

    def __init__(self, positions: dict[Fragment, int]) -> None:
        self._positions = positions
        self.number = 0
        self.words: list[Word] = []

    def add(self, fragment: Fragment, space: Space, args: Sequence[Word]) -> None:
        position = self._positions.setdefault(fragment, len(self._positions) + 1)
        self.number += 1
        self.words += [position, space.db, len(args), *args]


def _is_plain(transition: Transition) -> bool:
    return transition.verdict is Verdict.ACK and not transition.successors and not transition.effects
