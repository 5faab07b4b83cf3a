"""What the script that settles is told of transitions; see ``scripts/settle.lua``."""

from __future__ import annotations

from collections.abc import Sequence

from kernelq.contracts import Message, Transition, Verdict
from kernelq.redis import Fragment, Space, Word

from .parcels import runs_of

_LETTERS = {Verdict.ACK: "A", Verdict.REQUEUE: "R", Verdict.PARK: "P", Verdict.CRASHED: "C", Verdict.DEAD: "D"}


class Settlement:
    """Transitions of one consumer as `words` for the script, with the `fragments` that stores want in it.

    Most are acks with the same effect or none; those go in groups, column by column, which the script takes in with few
    steps each. `order` has the transitions as the script counts them: groups first, then the others.
    """

    def __init__(self, transitions: Sequence[Transition]) -> None:
        self._positions: dict[Fragment, int] = {}
        groups: dict[tuple[int, int, int], _Group] = {}
        others: list[Transition] = []
        words: list[Word] = []
        effects = _Effects(self._positions)
        for transition in transitions:
            followers = effects.take(transition)
            plain = transition.verdict is Verdict.ACK and not followers and len(effects.added) < 2
            if plain:
                kind, args = effects.added[0] if effects.added else (_NO_EFFECT, ())
                group = groups.get(kind)
                if group is None:
                    group = groups[kind] = _Group()
                group.add(transition, args)
            else:
                others.append(transition)
                words += _words_of(transition, followers, effects)
        self.order = [transition for group in groups.values() for transition in group.transitions] + others
        self.words: list[Word] = [len(groups)]
        for kind, group in groups.items():
            self.words += (len(group.transitions), *kind, *group.keys, *group.tokens, *group.args)
        self.words += words

    @property
    def fragments(self) -> tuple[Fragment, ...]:
        """In the order of their positions."""
        return tuple(self._positions)


_NO_EFFECT = (0, 0, 0)


class _Group:
    """Acks with one kind of effect."""

    def __init__(self) -> None:
        self.transitions: list[Transition] = []
        self.keys: list[Word] = []
        self.tokens: list[Word] = []
        self.args: list[Word] = []

    def add(self, transition: Transition, args: Sequence[Word]) -> None:
        key, token = transition.delivery.tag
        self.transitions.append(transition)
        self.keys.append(key)
        self.tokens.append(token)
        self.args += args


class _Effects:
    """The effects of one transition after the other; see `kernelq.redis.Within`."""

    def __init__(self, positions: dict[Fragment, int]) -> None:
        self._positions = positions
        self.added: list[tuple[tuple[int, int, int], Sequence[Word]]] = []
        """Of each: which fragment, database, number of arguments; and those."""

    def take(self, transition: Transition) -> Sequence[Message]:
        """Gather what a transition's stores add; the messages that follow from it."""
        self.added = []
        followers: Sequence[Message] = transition.successors
        for effect in transition.effects:
            more = effect.store.apply_within(self, [effect.op])
            if more:
                followers = [*followers, *more]
        return followers

    def add(self, fragment: Fragment, space: Space, args: Sequence[Word]) -> None:
        position = self._positions.setdefault(fragment, len(self._positions) + 1)
        self.added.append(((position, space.db, len(args)), args))


def _words_of(transition: Transition, followers: Sequence[Message], effects: _Effects) -> list[Word]:
    runs = runs_of(followers)
    return [
        *transition.delivery.tag,
        _LETTERS[transition.verdict],
        transition.delay,
        transition.reason,
        len(runs),
        *(word for run in runs for word in run),
        len(effects.added),
        *(word for kind, args in effects.added for word in (*kind, *args)),
    ]
