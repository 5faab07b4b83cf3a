"""The history of a run under faults, and what in it must never be: the checker of the chaos runs.

From what the client did, what the tasks wrote down, what was done to which process and when, and what the engine says at
the end. Nothing here asks an engine: a history is plain data, so planted errors prove the checker (`test_history`).
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from faults.runs import Run

READY = {"SUCCESS", "FAILURE", "REVOKED"}

MOST_CRASHES = 3
"""The default of the setting task_max_crashes."""


class Answer(enum.Enum):
    """What the client knows of a call."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """Said to be full: certainly not accepted."""
    UNKNOWN = "unknown"
    """No answer: accepted or not."""


class Wrong(enum.Enum):
    """What must never be."""

    LOST = "accepted, never ended, and nowhere left"
    STUCK = "accepted and never ended, while messages were left"
    OVERLAPPED = "two live runs at once"
    DOUBLED = "ran again after it had ended"
    CONTRADICTED = "two terminal states"
    STALE = "the outcome kept is that of an attempt that had lost its lease"
    UNEXPECTED = "ended, or ran, as it must not"
    EARLY = "ran before it was due"


@dataclass(frozen=True, slots=True)
class Call:
    """One call by the client. `ends` is the state it must end in; `due` ns of the monotonic clock, or None."""

    id: str
    answer: Answer
    ends: str = "SUCCESS"
    due: int | None = None
    tries: int = 1
    """How often it was published, under one id, until there was an answer."""


@dataclass(frozen=True, slots=True)
class End:
    """What is stored of a task. `ran` is (process, beginning) of the run that made it, when it is known."""

    state: str
    reason: str | None = None
    ran: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Absence:
    """A process, or everybody (None), was frozen or cut off from the engine from `began` to `ended`, ns."""

    pid: int | None
    began: int
    ended: int


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that must never be, of one task."""

    wrong: Wrong
    id: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.wrong.name} {self.id}: {self.wrong.value}{'; ' if self.detail else ''}{self.detail}"


@dataclass(kw_only=True)
class History:
    """All that is known of one run under faults.

    `grace` is for how many seconds a worker may be absent without losing its lease; 0 where leases end with the
    connection. `aftermath` is for how many seconds after an absence a lease may still end of it: until the next renewal.
    `deduplicates`: publishing an id twice makes one task. Where it does not, whoever dies, or is cut off, between a publish
    and the acknowledgement that belongs to it leaves two messages of one task: that excuses a second run, and is counted.
    """

    grace: float
    aftermath: float = 0.0
    deduplicates: bool = True
    calls: dict[str, Call] = field(default_factory=dict)
    runs: Mapping[str, Sequence[Run]] = field(default_factory=dict)
    ends: Mapping[str, End] = field(default_factory=dict)
    """The last word on each task, by id."""
    seen: Mapping[str, set[str]] = field(default_factory=dict)
    """Terminal states seen on the way, by id."""
    dead: Mapping[str, str] = field(default_factory=dict)
    """Dead letters: id to reason."""
    deaths: dict[int, int] = field(default_factory=dict)
    """Killed processes: when, ns."""
    absences: list[Absence] = field(default_factory=list)
    left: int = 0
    """Messages left at the end."""

    def violations(self) -> list[Violation]:
        """Everything that must never be and was."""
        ids = self.calls.keys() | self.runs.keys()
        return [violation for task_id in sorted(ids) for violation in self._judge(task_id)]

    def doubles(self) -> int:
        """How many tasks ran twice for no other reason than that the engine cannot tell ids apart."""
        if self.deduplicates:
            return 0
        strict = replace(self, deduplicates=True)
        wrong = (Wrong.DOUBLED, Wrong.OVERLAPPED)
        return len({violation.id for violation in strict.violations() if violation.wrong in wrong})

    def repeats(self) -> int:
        """How many runs were repeated with good reason."""
        return sum(
            first.retries == second.retries for runs in self.runs.values() for first, second in itertools.pairwise(runs)
        )

    def _judge(self, task_id: str) -> Iterator[Violation]:
        call, runs = self.calls.get(task_id), self.runs.get(task_id, ())
        if call is None:
            yield Violation(Wrong.UNEXPECTED, task_id, "nobody called it")
            return
        yield from self._judge_end(call, runs)
        yield from self._judge_runs(call, runs)

    # --- how it ended

    def _judge_end(self, call: Call, runs: Sequence[Run]) -> Iterator[Violation]:
        end = self.ends.get(call.id)
        if end is None or end.state not in READY:
            if call.answer is Answer.ACCEPTED or runs:
                wrong = Wrong.STUCK if self.left else Wrong.LOST
                yield Violation(wrong, call.id, f"{len(runs)} runs, state {end.state if end else None}, {call}")
            return
        states = self.seen.get(call.id, set()) | {end.state}
        if len(states) > 1:
            yield Violation(Wrong.CONTRADICTED, call.id, " and ".join(sorted(states)))
        if call.id in self.dead and end.state == "SUCCESS":
            yield Violation(Wrong.CONTRADICTED, call.id, f"a success, and a dead letter ({self.dead[call.id]})")
        if end.state != call.ends and not self._was_poison(end, runs):
            yield Violation(Wrong.UNEXPECTED, call.id, f"expected {call.ends}, got {end}")
        if end.ran is not None:
            yield from self._judge_kept(call.id, end.ran, runs)

    def _judge_kept(self, task_id: str, ran: tuple[int, int], runs: Sequence[Run]) -> Iterator[Violation]:
        kept = next((run for run in runs if (run.pid, run.started) == ran and run.ended is not None), None)
        if kept is None:
            yield Violation(Wrong.UNEXPECTED, task_id, f"no finished run made the outcome of {ran}")
            return
        for run in runs:
            if kept.started < run.started < _end(kept) and run.retries == kept.retries:
                yield Violation(Wrong.STALE, task_id, f"kept {kept}, though {run} had begun")

    def _was_poison(self, end: End, runs: Sequence[Run]) -> bool:
        """Whether killings gave it up, as they should: more than `MOST_CRASHES` of its runs were killed."""
        killed = sum(run.how is None and run.pid in self.deaths for run in runs)
        return (end.state, end.reason) == ("FAILURE", "crashed") and killed > MOST_CRASHES

    # --- how it ran

    def _judge_runs(self, call: Call, runs: Sequence[Run]) -> Iterator[Violation]:
        if runs and call.answer is Answer.REFUSED:
            yield Violation(Wrong.UNEXPECTED, call.id, "it was refused, and ran")
        if runs and call.due is not None and runs[0].started < call.due:
            yield Violation(Wrong.EARLY, call.id, f"by {(call.due - runs[0].started) / 1e9:.3f} s")
        for first, second in itertools.combinations(runs, 2):
            if self._is_excused(call, first, second):
                continue
            if _end(first) > second.started:
                yield Violation(Wrong.OVERLAPPED, call.id, f"{first} and {second}")
            elif first.retries == second.retries:
                yield Violation(Wrong.DOUBLED, call.id, f"{first} and {second}")

    def _is_excused(self, call: Call, first: Run, second: Run) -> bool:
        """Whether there is a reason for `second` to run although `first` had begun, the same try or another."""
        if first.how == "left" and _end(first) <= second.started:
            return True
        if not self.deduplicates and (call.tries > 1 or self._was_disturbed(call.id, second)):
            return True
        died = self.deaths.get(first.pid)
        if died is not None and died <= second.started:  # it may have begun between the stamp and the blow
            return True
        return any(self._excuses(absence, first, second) for absence in self.absences)

    def _was_disturbed(self, task_id: str, run: Run) -> bool:
        """Whether anybody died or was cut off from shortly before the task's first run to this one."""
        since, until = self.runs[task_id][0].started - self.aftermath * 1e9, run.started
        died = any(since <= died <= until for died in self.deaths.values())
        return died or any(absence.began <= until and absence.ended >= since for absence in self.absences)

    def _excuses(self, absence: Absence, first: Run, second: Run) -> bool:
        if absence.pid not in (None, first.pid) or absence.ended - absence.began < self.grace * 1e9:
            return False
        return absence.began <= second.started and absence.ended + self.aftermath * 1e9 >= first.started


def _end(run: Run) -> float:
    return float("inf") if run.ended is None else run.ended
