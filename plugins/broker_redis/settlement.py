"""What the script that settles is told of transitions; see ``scripts/settle.lua``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from kernelq.contracts import Message, Transition, Verdict
from kernelq.redis import Fragment, Space, Word

from .parcels import runs_of

_LETTERS = {Verdict.ACK: "A", Verdict.REQUEUE: "R", Verdict.PARK: "P", Verdict.CRASHED: "C", Verdict.DEAD: "D"}


class Settlement:
    """Transitions of one consumer as `words` for the script, with the `fragments` that stores want in it.

    Most are acks, with no effects or the same kinds of them; those go in groups, column by column, which the script takes
    in with few steps each. `order` has the transitions as the script counts them: groups first, then the others.
    """

    def __init__(self, transitions: Sequence[Transition]) -> None:
        self._positions: dict[Fragment, int] = {}
        self.is_followed = False
        """Whether messages are published by it; those of fragments do not count."""
        groups: dict[tuple[_Kind, ...], _Group] = {}
        others: list[Transition] = []
        words: list[Word] = []
        effects = _Effects(self._positions)
        for transition in transitions:
            followers = effects.take(transition)
            self.is_followed = self.is_followed or bool(followers)
            if transition.verdict is Verdict.ACK and not followers:
                kinds = tuple(effects.kinds)
                group = groups.get(kinds)
                if group is None:
                    group = groups[kinds] = _Group(kinds)
                group.add(transition, effects.args)
            else:
                others.append(transition)
                words += _words_of(transition, followers, effects)
        self.order = [transition for group in groups.values() for transition in group.transitions] + others
        self.words: list[Word] = [len(groups)]
        for group in groups.values():
            self.words += group.words
        self.words += words

    @property
    def fragments(self) -> tuple[Fragment, ...]:
        """In the order of their positions."""
        return tuple(self._positions)


_Kind = tuple[int, int, int]
"""Of an effect: which fragment, database, number of arguments."""


class _Group:
    """Acks with effects of the same kinds, in the same order."""

    def __init__(self, kinds: tuple[_Kind, ...]) -> None:
        self.transitions: list[Transition] = []
        self._kinds = kinds
        self._keys: list[Word] = []
        self._tokens: list[Word] = []
        self._args: list[list[Word]] = [[] for _ in kinds]  # by effect, of one ack after the other

    def add(self, transition: Transition, args: Sequence[Sequence[Word]]) -> None:
        key, token = transition.delivery.tag
        self.transitions.append(transition)
        self._keys.append(key)
        self._tokens.append(token)
        for column, some in zip(self._args, args, strict=True):
            column += some

    @property
    def words(self) -> list[Word]:
        head = [len(self.transitions), len(self._kinds), *chain.from_iterable(self._kinds)]
        return [*head, *self._keys, *self._tokens, *chain.from_iterable(self._args)]


class _Effects:
    """The effects of one transition after the other; see `kernelq.redis.Within`."""

    def __init__(self, positions: dict[Fragment, int]) -> None:
        self._positions = positions
        self.kinds: list[_Kind] = []
        self.args: list[Sequence[Word]] = []

    def take(self, transition: Transition) -> Sequence[Message]:
        """Gather what a transition's stores add; the messages that follow from it."""
        self.kinds, self.args = [], []
        followers: Sequence[Message] = transition.successors
        for effect in transition.effects:
            more = effect.store.apply_within(self, [effect.op])
            if more:
                followers = [*followers, *more]
        return followers

    def add(self, fragment: Fragment, space: Space, args: Sequence[Word]) -> None:
        position = self._positions.setdefault(fragment, len(self._positions) + 1)
        self.kinds.append((position, space.db, len(args)))
        self.args.append(args)


def _words_of(transition: Transition, followers: Sequence[Message], effects: _Effects) -> list[Word]:
    runs = runs_of(followers)
    return [
        *transition.delivery.tag,
        _LETTERS[transition.verdict],
        transition.delay,
        transition.reason,
        len(runs),
        *(word for run in runs for word in run),
        len(effects.kinds),
        *(word for kind, args in zip(effects.kinds, effects.args, strict=True) for word in (*kind, *args)),
    ]
