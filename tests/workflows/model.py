"""The model: what a workflow comes to, worked out from its description alone.

Rules (the reference calls them 5.3 to 5.7, A1, A7 to A10): a chain's steps follow one another; what follows
several tasks side by side is called with the list of their values, in the order of the source, and is called the body of a join. A
step that does not succeed takes all later steps with it, which never run and are marked. A member of a join that
does not succeed makes the body fail; the other members go on. Callbacks follow a success, error callbacks a failure, but not one
that only follows from another, except the body's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from workflows.shapes import HERE, Chain, Chord, Group, Shape, Task
from workflows.tasks import Fate, made_of

CRASHES = 3
"""`task_max_crashes`: so often a poison is run again."""

PENDING, SUCCESS, FAILURE, REVOKED = "PENDING", "SUCCESS", "FAILURE", "REVOKED"
UPSTREAM = "upstream"
CHORD_ERROR = "ChordError"


@dataclass(frozen=True, slots=True)
class Value:
    """It returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class Trouble:
    """It did not succeed: the state of what comes after, and the classes of exception that may be named as the cause."""

    state: str
    errors: frozenset[str]

    def __or__(self, other: Trouble) -> Trouble:
        return Trouble(FAILURE, self.errors | other.errors)


@dataclass(frozen=True, slots=True)
class End:
    """How one task ends: `errors` are the classes of exception it may be stored with."""

    state: str
    reason: str | None = None
    errors: frozenset[str] = frozenset()


@dataclass(slots=True)
class Expected:
    """What comes of a workflow."""

    outcome: Value | Trouble = field(default_factory=lambda: Value(None))
    ends: dict[str, End] = field(default_factory=dict)
    """By the places of the tasks."""
    runs: Counter[str] = field(default_factory=Counter)
    """How often each is run."""
    links: dict[str, list[Any]] = field(default_factory=dict)
    """The callbacks that are called, and what with; those of `several` with nothing."""
    alarms: Counter[str] = field(default_factory=Counter)
    """How often each error callback is called."""
    optional: Counter[str] = field(default_factory=Counter)
    """How often more than that it may be called."""
    frail: Counter[str] = field(default_factory=Counter)
    """How many of these calls are made where a task failed, once its failure is stored: who dies in between makes none."""
    told: dict[str, Counter[str]] = field(default_factory=dict)
    """Error callback → places of the tasks it may be told of, and how often of each."""

    @property
    def never_ready(self) -> set[str]:
        """Places of tasks of which nothing is stored."""
        return {place for place, end in self.ends.items() if end.state == PENDING}


@dataclass(slots=True)
class Step:
    """One call, with the callbacks that were given to it."""

    place: str
    task: Task
    links: list[tuple[str, bool]] = field(default_factory=list)
    """(label, whether it takes the value)."""
    errors: list[str] = field(default_factory=list)
    optional: list[str] = field(default_factory=list)
    """Error callbacks that it may have or not."""


@dataclass(slots=True)
class Side:
    """Sequences side by side; a join if something follows."""

    members: list[Sequence_]
    is_header: bool = False
    """It was written as the header of a chord."""


Sequence_ = list[Step | Side]


def predict(shape: Shape) -> Expected:
    """What comes of a workflow that is called with no arguments."""
    expected = Expected()
    expected.outcome = _Prophet(expected).run(sequence(shape), ())
    return expected


def final_places(shape: Shape) -> list[str]:
    """The places of the tasks whose ends make up the result."""
    return _last(sequence(shape))


def error_labels(shape: Shape, place: str) -> list[str]:
    """The names of a part's own error callbacks."""
    return [f"{place}!{index}{'h' if kind == HERE else 's'}" for index, kind in enumerate(shape.errors)]


def is_here(label: str) -> bool:
    """Whether this error callback is called where the task failed."""
    return label.endswith("h")


def link_labels(shape: Task | Chord, place: str) -> list[str]:
    """The names of a part's own callbacks."""
    return [f"{place}>{index}" for index in range(shape.links)]


# --- from a description to what follows what


def sequence(shape: Shape, place: str = "r") -> Sequence_:
    """The calls of a shape, one after the other, with the callbacks where they belong."""
    made = _sequence(shape, place)
    for label in error_labels(shape, place):
        _give_error(made, label)
    if isinstance(shape, Task | Chord):
        for label in link_labels(shape, place):
            _give_link(made, label)
    return made


def _sequence(shape: Shape, place: str) -> Sequence_:
    match shape:
        case Task():
            return [Step(place, shape)]
        case Chain():
            return [step for index, part in enumerate(shape.steps) for step in _step(part, f"{place}.{index}")]
        case Group():
            return [Side(_members(shape.members, f"{place}."))]
        case Chord():
            return [Side(_members(shape.header, f"{place}.h"), is_header=True), *sequence(shape.body, f"{place}.b")]


def _step(part: Shape, place: str) -> Sequence_:
    made = sequence(part, place)
    if isinstance(part, Group) and len(part.members) == 1:
        (only,) = made
        assert isinstance(only, Side)
        return only.members[0]
    return made


def _members(members: Sequence[Shape], place: str) -> list[Sequence_]:
    """Groups within groups and headers are no members of their own."""
    found: list[Sequence_] = []
    for index, member in enumerate(members):
        made = sequence(member, f"{place}{index}")
        only = made[0] if len(made) == 1 else None
        found += only.members if isinstance(only, Side) else [made]
    return found


def _give_error(made: Sequence_, label: str, *, is_sure: bool = True) -> None:
    """To every step, and to every member of a group at the end; not to headers.

    Whether a group that is followed by something, and so becomes a header or a body with a body of its own, gets those of its chain as well
    depends on the order in which the chain was composed: its members may have them.
    """
    for item in made:
        if isinstance(item, Step):
            (item.errors if is_sure else item.optional).append(label)
        elif not item.is_header:
            for member in item.members:
                _give_error(member, label, is_sure=is_sure and item is made[-1])


def _give_link(made: Sequence_, label: str, takes: bool = True) -> None:
    """To the last step; of a group, a copy that takes nothing to the first member."""
    last = made[-1]
    if isinstance(last, Step):
        last.links.append((label, takes))
    elif last.members:
        _give_link(last.members[0], label, takes=False)


def _places(made: Sequence_) -> list[str]:
    """Of all tasks."""
    found = []
    for item in made:
        sequences = item.members if isinstance(item, Side) else []
        found += [item.place] if isinstance(item, Step) else [each for member in sequences for each in _places(member)]
    return found


def _last(made: Sequence_) -> list[str]:
    last = made[-1]
    if isinstance(last, Step):
        return [last.place]
    return [place for member in last.members for place in _last(member)]


# --- from there to what comes of it


class _Prophet:
    """Walks through the calls and writes down what becomes of each."""

    def __init__(self, expected: Expected) -> None:
        self._expected = expected

    def run(self, made: Sequence_, given: tuple[Any, ...]) -> Value | Trouble:
        """What a sequence called with `given` comes to."""
        outcome: Value | Trouble = Value(None)
        for index, item in enumerate(made):
            rest = made[index + 1 :]
            if isinstance(item, Step):
                outcome = self._step(item, given)
                if isinstance(outcome, Trouble):
                    self._skip(rest, outcome)
                    return outcome
            else:
                outcome = self._side(item, given)
                if isinstance(outcome, Trouble):
                    return self._fail_body(rest, outcome) if rest else outcome
            given = (outcome.value,)
        return outcome

    def _side(self, side: Side, given: tuple[Any, ...]) -> Value | Trouble:
        outcomes = [self.run(member, given) for member in side.members]
        trouble: Trouble | None = None
        for outcome in outcomes:
            if isinstance(outcome, Trouble):
                trouble = outcome if trouble is None else trouble | outcome
        return trouble or Value([outcome.value for outcome in outcomes if isinstance(outcome, Value)])

    def _step(self, step: Step, given: tuple[Any, ...]) -> Value | Trouble:
        task, expected = step.task, self._expected
        expected.runs[step.place] = RUNS.get(task.fate, 1) + task.times
        end = ENDS[task.fate]
        expected.ends[step.place] = end
        if end.state == FAILURE:
            self._alarm(step.errors, [step.place])
            self._expected.frail.update(label for label in step.errors if is_here(label))
            self._alarm(step.optional, [step.place], is_sure=False)
        if end.state != SUCCESS:
            return AFTER.get(end.state) or Trouble(end.state, end.errors)
        value = made_of(step.place, () if task.is_immutable else given)
        for label, takes in step.links:
            expected.links[label] = [value] if takes else []
        return Value(value)

    def _skip(self, rest: Sequence_, trouble: Trouble) -> None:
        """Mark what never runs."""
        for item in rest:
            if isinstance(item, Step):
                self._expected.ends[item.place] = End(trouble.state, UPSTREAM, trouble.errors)
            else:
                for member in item.members:
                    self._skip(member, trouble)

    def _fail_body(self, rest: Sequence_, cause: Trouble) -> Trouble:
        """The end of a join a member of which did not succeed."""
        trouble = Trouble(FAILURE, cause.errors | {CHORD_ERROR})
        self._skip(rest, trouble)
        places = heads(rest)
        sure = errors_of_body(rest, attrgetter("errors"))
        self._alarm(sure, places)
        maybe = errors_of_body(rest, lambda step: [*step.errors, *step.optional])
        self._alarm([label for label in maybe if label not in sure], places, is_sure=False)
        return trouble

    def _alarm(self, labels: Iterable[str], places: Sequence[str], *, is_sure: bool = True) -> None:
        for label in labels:
            (self._expected.alarms if is_sure else self._expected.optional)[label] += 1
            self._expected.told.setdefault(label, Counter()).update(places)


def errors_of_body(rest: Sequence_, having: Callable[[Step], list[str]]) -> list[str]:
    """The error callbacks, each once, of what was to be called with the values of a join.

    Of a group those of all its members. If it is followed by something, that may be the body's own body, or what comes after a body that
    is this group: then those of what follows, and those that all its members share.
    """
    first, *more = rest
    if isinstance(first, Step):
        return having(first)
    own = [errors_of_body(member, having) for member in first.members]
    if more:
        own = [[label for label in own[0] if all(label in each for each in own)], errors_of_body(more, having)]
    return list(dict.fromkeys(label for labels in own for label in labels))


def heads(rest: Sequence_) -> list[str]:
    """The places of what may be named as the body; a group has an id that is of no task."""
    first, *more = rest
    if isinstance(first, Step):
        return [first.place]
    return ["", *_places([first]), *(heads(more) if more else [])]


def _failure(error: str, reason: str | None = None) -> End:
    return End(FAILURE, reason, frozenset({error}))


ENDS = {
    Fate.RETURN: End(SUCCESS),
    Fate.RETRY: End(SUCCESS),
    Fate.KILL_ONCE: End(SUCCESS),
    Fate.FAIL: _failure("Planned"),
    Fate.RETRY_FAIL: _failure("Planned"),
    Fate.REJECT: _failure("Reject", "rejected"),
    Fate.POISON: _failure("WorkerLostError", "crashed"),
    Fate.TIME_OUT: _failure("TimeLimitExceeded", "timed_out"),
    Fate.EXPIRE: End(REVOKED, "expired", frozenset({"TaskRevokedError"})),
    Fate.REVOKE: End(REVOKED, "revoked", frozenset({"TaskRevokedError"})),
    Fate.IGNORE: End(PENDING),
}
"""How a task of each fate ends."""

AFTER = {PENDING: Trouble(REVOKED, frozenset({"TaskRevokedError", "Ignore"}))}
"""What comes after a state, where that is another one: an ignored task stores nothing, those after it are given up."""

RUNS = {Fate.EXPIRE: 0, Fate.REVOKE: 0, Fate.KILL_ONCE: 2, Fate.POISON: CRASHES + 1}
"""How often a task of this fate is run, if not once."""
