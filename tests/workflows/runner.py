"""Sends workflows, waits until everything has ended, and compares what came of each with the model."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from kernelq import KernelQ, uuid
from kernelq.contracts import READY_STATES, Outcome
from kernelq_plugins.canvas.store import store_of
from waiting import LOOK_EVERY
from workflows.building import Builder
from workflows.model import Expected, Trouble, Value, final_places, predict
from workflows.shapes import OF_PROCESSES, Shape, tasks, without_revoked
from workflows.tasks import JOURNAL, Fate, Tasks

LONG = 3600.0
"""Seconds; more than any two clocks here are apart."""

CHUNK = 500
"""Outcomes asked for at once."""


def messages_in(app: KernelQ) -> int:
    """How many messages an app's broker has, besides dead letters."""
    return sum(stats.ready + stats.delayed + stats.running for stats in app.broker.queues())


@dataclass(slots=True)
class Lived:
    """What the journal says of one workflow."""

    runs: Counter[str] = field(default_factory=Counter)
    links: dict[str, list[tuple[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """Callback → (id of the task it ran as, what it was called with)."""
    alarms: dict[str, list[tuple[str, str | None]]] = field(default_factory=lambda: defaultdict(list))
    """Error callback → (id of the task it ran as, id of the task it was told of)."""


class Journal:
    """Reads what the tasks wrote, each line once."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / JOURNAL
        self._read = 0
        self._flows: dict[str, Lived] = defaultdict(Lived)

    def of(self, flow: str) -> Lived:
        """What became of a workflow so far."""
        self._go_on()
        return self._flows[flow]

    def _go_on(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            self._take(json.loads(line))

    def _take(self, line: dict[str, Any]) -> None:
        flow, _, name = line["name"].partition(":") if ":" in line["name"] else line["id"].partition(":")
        lived = self._flows[flow]
        if line["what"] == "run":
            lived.runs[name] += 1
        elif line["what"] == "link":
            lived.links[name].append((line["id"], line["given"]))
        else:
            lived.alarms[name].append((line["id"], line["failed"]))


@dataclass(frozen=True, slots=True)
class Sent:
    """A workflow that was sent."""

    flow: str
    shape: Shape
    expected: Expected
    result: Any

    @property
    def awaited(self) -> list[str]:
        """The ids of the tasks of which something will be stored."""
        return [f"{self.flow}:{place}" for place in self.expected.ends.keys() - self.expected.never_ready]


class Runner:
    """Runs workflows on one app, whose workers somebody else keeps.

    `patience` is how many seconds may pass without anything ending, `seconds` how many each task takes. Where processes are killed, by tasks or (`may_repeat`) by somebody else,
    tasks may run again whose end was not committed yet; what follows from them is still to come once.
    """

    def __init__(
        self,
        app: KernelQ,
        tasks: Tasks,
        folder: Path,
        *,
        patience: float = 20.0,
        may_repeat: bool = False,
        seconds: float = 0.0,
        left: Callable[[], int] | None = None,
        logs: Callable[[], str] = str,
    ) -> None:
        self._app = app
        self._tasks = tasks
        self._journal = Journal(folder)
        self._patience = patience
        self._may_repeat = may_repeat
        self._seconds = seconds
        self._logs = logs
        self.left = left or partial(messages_in, app)
        """How many messages are left, besides dead letters."""
        self._clean = True

    def check(self, shapes: Sequence[Shape]) -> None:
        """Run all of these side by side; raises `AssertionError` when something is not as the model says."""
        if not self._clean:
            self._app.broker.purge("default")
        self._clean = False
        sent = [self.send(shape) for shape in shapes]
        self.drain(sent)
        self.judge(sent)
        self._clean = True

    def send(self, shape: Shape) -> Sent:
        """Send a workflow."""
        flow = uuid()[-12:]
        if not self._app.broker.capabilities.revoking:
            shape = without_revoked(shape)
        if revoked := [f"{flow}:{place}" for place, task in tasks(shape) if task.fate is Fate.REVOKE]:
            self._app.control.revoke(revoked)
        return Sent(flow, shape, predict(shape), Builder(self._tasks, flow, self._seconds).build(shape).apply_async())

    def drain(self, sent: Sequence[Sent]) -> None:
        """Wait until all tasks have ended, no message is left and who is to be told of a failure was, as long as anything ends.

        Error callbacks that are called where a task failed are called after its end is stored.
        """
        waiting = [task_id for each in sent for task_id in each.awaited]
        best, since = self._open_ends(sent, waiting), time.monotonic()
        while best != (0, 0, 0) and time.monotonic() - since < self._patience:  # `judge` says what is missing
            time.sleep(LOOK_EVERY)  # no `until`: time runs from the last end that was seen, not from the start
            now = self._open_ends(sent, waiting)
            if now < best:
                best, since = now, time.monotonic()

    def _open_ends(self, sent: Sequence[Sent], waiting: list[str]) -> tuple[int, int, int]:
        """How many of these tasks have not ended, which stay in the list, how many messages are left, how many alarms to come.

        The second only when the first is 0, and so on.
        """
        found = self.outcomes(waiting)
        waiting[:] = [each for each in waiting if each not in found or found[each].state not in READY_STATES]
        if waiting:
            return len(waiting), 0, 0
        left = self.left()
        return 0, left, 0 if left else sum(Comparison(self, each, self._repeats(sent)).silent() for each in sent)

    def _repeats(self, sent: Sequence[Sent]) -> bool:
        fates = {task.fate for each in sent for _, task in tasks(each.shape)}
        return self._may_repeat or not fates.isdisjoint(OF_PROCESSES)

    def judge(self, sent: Sequence[Sent]) -> None:
        """Compare with the model."""
        may_repeat = self._repeats(sent)
        wrong = []
        for each in sent:
            differences = list(Comparison(self, each, may_repeat).differences())
            wrong += [f"{each.shape!r}", *(f"    {text}" for text in differences)] if differences else []
        if left := self.left():
            wrong.append(f"{left} messages are left")
        if open_joins := self.open_joins():
            wrong.append(f"{len(open_joins)} joins are not closed: {open_joins}")
        assert not wrong, "\n".join([*wrong, self._logs()])

    def open_joins(self) -> list[str]:
        """The ids of what would be called after joins that still wait, or have fired and are not closed."""
        store = store_of(self._app)
        assert store is not None
        return [message.id for message in store.overdue(fired=-LONG, open=-LONG)]

    def outcomes(self, ids: Sequence[str]) -> dict[str, Outcome]:
        """What is stored of these tasks."""
        found: dict[str, Outcome] = {}
        for n in range(0, len(ids), CHUNK):
            found |= self._app.backend.get_many(ids[n : n + CHUNK])
        return found

    def lived(self, flow: str) -> Lived:
        """What the journal says."""
        return self._journal.of(flow)

    def error_of(self, outcome: Outcome) -> str:
        """The class of a stored exception."""
        assert outcome.value is not None
        return str(self._app.serializer(outcome.content_type).loads(outcome.value)["exc_type"])


class Comparison:
    """One workflow, as it should be and as it was."""

    def __init__(self, runner: Runner, sent: Sent, may_repeat: bool) -> None:
        self._runner = runner
        self._sent = sent
        self._expected = sent.expected
        self._lived = runner.lived(sent.flow)
        self._may_repeat = may_repeat

    def differences(self) -> Iterator[str]:
        """What is not as it should be; nothing, if all is."""
        found = list(itertools.chain(self._ends(), self._runs(), self._links(), self._alarms()))
        yield from found
        if not found:  # else it may not come to an end at all
            yield from self._result()

    def silent(self) -> int:
        """How many error callbacks were called too seldom so far."""
        return sum(self._told(label) < self._least(label) for label in self._expected.alarms)

    def _told(self, label: str) -> int:
        return len(self._lived.alarms.get(label, []))

    def _least(self, label: str) -> int:
        return self._expected.alarms[label] - (self._expected.frail[label] if self._may_repeat else 0)

    def _ends(self) -> Iterator[str]:
        places = [place for place, _ in tasks(self._sent.shape)]
        outcomes = self._runner.outcomes([self._id(place) for place in places])
        for place in places:
            expected, seen = self._expected.ends[place], outcomes.get(self._id(place))
            if seen is None or seen.state not in READY_STATES:
                if expected.state != "PENDING":
                    yield f"{place} should be {expected}, is {seen.state if seen else 'PENDING'}"
            elif (seen.state, seen.reason) != (expected.state, expected.reason):
                yield f"{place} should be {expected}, is {seen.state} ({seen.reason})"
            elif expected.errors and (error := self._runner.error_of(seen)) not in expected.errors:
                yield f"{place} should have failed by {set(expected.errors)}, has by {error}"

    def _runs(self) -> Iterator[str]:
        for place, _ in tasks(self._sent.shape):
            expected, seen = self._expected.runs[place], self._lived.runs[place]
            if not self._is_right(expected, seen):
                yield f"{place} should run {expected} times, ran {seen} times"

    def _links(self) -> Iterator[str]:
        for label in self._expected.links.keys() | self._lived.links.keys():
            calls = self._lived.links.get(label, [])
            given = [given for _, given in calls]
            if label not in self._expected.links:
                yield f"callback {label} should not be called, was with {given}"
            elif not self._is_once([task_id for task_id, _ in calls]):
                yield f"callback {label} should be called once, was {len(calls)} times"
            elif given[0] != self._expected.links[label]:
                yield f"callback {label} should be called with {self._expected.links[label]}, was with {given[0]}"

    def _alarms(self) -> Iterator[str]:
        for label in self._expected.alarms.keys() | self._lived.alarms.keys():
            calls = self._lived.alarms.get(label, [])
            if self._may_repeat:
                calls = list(dict.fromkeys(calls))
            told = Counter(failed.partition(":")[2] for _, failed in calls if failed is not None)
            count, places = self._expected.alarms[label], self._expected.told.get(label, Counter())
            if not self._least(label) <= len(calls) <= count + self._expected.optional[label] or told - places:
                yield (
                    f"error callback {label} should be called {count} times, for {dict(places)}, "
                    f"was {len(calls)} times, for {dict(told)}"
                )

    def _result(self) -> Iterator[str]:
        if self._expected.never_ready & set(final_places(self._sent.shape)):
            return
        try:
            seen: Any = self._sent.result.get(timeout=10)
        except Exception as error:  # noqa: BLE001  (whatever it is, it is compared)
            seen = error
        match self._expected.outcome:
            case Value(value) if seen != value:
                yield f"the result should be {value}, is {seen!r}"
            case Trouble(errors=errors) if type(seen).__name__ not in errors:
                yield f"the result should be one of {set(errors)}, is {seen!r}"

    def _is_right(self, expected: int, seen: int) -> bool:
        return seen == expected or (self._may_repeat and seen > expected > 0)

    def _is_once(self, ids: Sequence[str]) -> bool:
        return len(set(ids)) == 1 and (self._may_repeat or len(ids) == 1)

    def _id(self, place: str) -> str:
        return f"{self._sent.flow}:{place}"
