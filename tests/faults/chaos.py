"""Chaos: a stream of tasks while workers are killed and frozen, the network breaks and the server goes away; then the
question whether anything was lost, doubled, or ran twice at once.

``scripts/chaos`` runs it alone, ``test_chaos`` for some seconds on each engine. The seed decides what is called and
which faults come in which order; what exactly they hit is up to the machine.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from faults.history import READY, Answer, Call, End, History, Violation
from faults.injector import GROUPS, Injector
from faults.processes import WorkerProcess
from faults.runs import all_runs
from faults.yard import Yard
from kernelq.contracts import BackendUnavailable, BrokerFull, BrokerUnavailable, Message, Outcome
from kernelq.testing import Proxy

MOST_WAITING = 500
"""Tasks that may wait to run before the client takes a rest."""

DRAIN_PATIENCE = 120.0
"""Seconds without a single task ending before the run is called stuck."""

CHUNK = 500
"""Outcomes asked for at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do: call tasks until `seconds` have passed or `tasks` were called, one of the two being given."""

    seed: int
    seconds: float | None = None
    tasks: int | None = None
    groups: tuple[str, ...] = GROUPS
    every: float = 2.0
    """Seconds between two faults."""
    lease: float = 2.0
    workers: int = 2
    concurrency: int = 2
    rate: float = 150.0
    """Tasks called in a second, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of it."""

    called: Counter[Answer]
    ended: Counter[str]
    runs: int
    repeats: int
    doubles: int
    seconds: float
    injected: Sequence[str]
    violations: Sequence[Violation]

    def __str__(self) -> str:
        ends = ", ".join(f"{count} {state}" for state, count in sorted(self.ended.items()))
        calls = ", ".join(f"{count} {answer.value}" for answer, count in self.called.items())
        lines = [
            f"called      {calls}",
            f"ended       {ends}",
            f"ran         {self.runs} times, {self.repeats} of them repeated for a good reason",
            *([f"doubled     {self.doubles} tasks, whose ids the engine cannot tell apart"] if self.doubles else []),
            f"took        {self.seconds:.1f} s, {sum(self.ended.values()) / self.seconds:.0f} tasks/s",
            f"faults      {len(self.injected)}",
        ]
        if not self.violations:
            return "\n".join([*lines, "verdict     nothing lost, nothing doubled, nothing stuck"])
        kinds = Counter(violation.wrong.name for violation in self.violations)
        verdict = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        return "\n".join([*lines, f"verdict     {verdict}", *map(str, self.violations[:20])])


class Chaos:
    """One run on a yard. `say` is called with each thing that happens, as a line."""

    def __init__(self, yard: Yard, plan: Plan, say: Callable[[str], None] = lambda line: None) -> None:
        self._yard = yard
        self._plan = plan
        self._say = say
        self._chance = random.Random(plan.seed)
        capabilities = yard.app.broker.capabilities
        self._history = History(
            # Renewed every third of it, a lease has two thirds left at least.
            grace=plan.lease / 2 if yard.holds_leases else 0.0,
            aftermath=plan.lease / 2 if yard.holds_leases else 5.0,
            deduplicates=capabilities.dedup,
        )
        self._seen: dict[str, set[str]] = {}

    def run(self) -> Report:
        """Do it all; takes the plan's time and what draining needs."""
        plan, began = self._plan, time.monotonic()
        with ExitStack() as stack:
            proxy = self._proxy(stack)
            injector = Injector(
                self._yard, self._history, proxy=proxy, chance=random.Random(plan.seed + 1), groups=plan.groups,
                every=plan.every, lease=plan.lease, workers=plan.workers, start=self._start, say=self._say,
            )  # fmt: skip
            injector.begin()
            try:
                self._publish_all(injector)
            finally:
                injector.stop()
            if injector.error is not None:
                raise injector.error
            self._drain()
            seconds = time.monotonic() - began
            self._stop_workers()
        return self._report(injector, seconds)

    def _proxy(self, stack: ExitStack) -> Proxy | None:
        server = self._yard.server
        if server is None:
            return None
        proxy = stack.enter_context(Proxy("127.0.0.1", server.port))
        self._yard.route = self._yard.ground.through(proxy.port)
        return proxy

    def _start(self) -> WorkerProcess:
        plan = self._plan
        return self._yard.start(concurrency=plan.concurrency, wait=False, worker_lease=plan.lease)

    # --- the client

    def _publish_all(self, injector: Injector) -> None:
        plan, began, called = self._plan, time.monotonic(), 0
        client = self._yard.client(self._yard.route)
        while injector.error is None:
            passed = time.monotonic() - began
            if plan.seconds is not None and passed > plan.seconds:
                return
            if plan.tasks is not None and called >= plan.tasks:
                return
            if called > passed * plan.rate or called - self._yard.begun() > MOST_WAITING:
                time.sleep(0.05)
                continue
            most = 20 if plan.tasks is None else min(20, plan.tasks - called)
            called += self._publish(client, [self._call(client) for _ in range(self._chance.randint(1, most))])
            self._look(self._chance.sample(sorted(self._history.calls), min(20, called)))

    def _call(self, client: Any) -> tuple[Message, Call]:
        """A random call: mostly short ones, some that are long, computing, retried, failing or due later."""
        chance, lease = self._chance, self._plan.lease
        kind = chance.choices(["short", "long", "busy", "retried", "failing", "later"], [80, 1, 1, 6, 6, 6])[0]
        seconds = chance.uniform(0.3, 1.5) * lease if kind in ("long", "busy") else chance.uniform(0.0, 0.005)
        options: dict[str, Any] = {"busy": kind == "busy", "fails": kind == "failing"}
        options["retries"] = chance.randint(1, 3) if kind == "retried" else 0
        countdown = chance.uniform(0.2, 2.0) * lease if kind == "later" else None
        now = time.monotonic_ns()
        message = client.publisher.message(None, "faulty.step", (seconds,), options, {"countdown": countdown})
        # The clock of etas is another one: they may drift apart by some milliseconds.
        due = None if countdown is None else now + int((countdown - 0.02) * 1e9)
        return message, Call(message.id, Answer.UNKNOWN, "FAILURE" if kind == "failing" else "SUCCESS", due)

    def _publish(self, client: Any, batch: Sequence[tuple[Message, Call]]) -> int:
        """Publish under the same ids until there is an answer, or three times; return how many calls these were."""
        answer, tries = Answer.UNKNOWN, 0
        for _ in range(3):
            tries += 1
            try:
                client.publisher.publish([message for message, _ in batch], retry=False)
                answer = Answer.ACCEPTED
                break
            except BrokerFull:
                answer = Answer.REFUSED if tries == 1 else Answer.UNKNOWN
            except BrokerUnavailable:
                answer = Answer.UNKNOWN
        for _, call in batch:
            self._history.calls[call.id] = Call(call.id, answer, call.ends, call.due, tries)
        return len(batch)

    # --- the end

    def _look(self, ids: Sequence[str]) -> int:
        """See how these tasks stand; how many of them have ended. Nothing is seen while the engine is away."""
        found: dict[str, Outcome] = {}
        try:
            for n in range(0, len(ids), CHUNK):
                found |= self._yard.app.backend.get_many(ids[n : n + CHUNK])
        except BackendUnavailable:
            return 0
        ended = {task_id: outcome for task_id, outcome in found.items() if outcome.state in READY}
        for task_id, outcome in ended.items():
            self._seen.setdefault(task_id, set()).add(outcome.state)
        return len(ended)

    def _drain(self) -> None:
        """Wait until every call that was accepted has ended and no message is left, as long as there is progress."""
        accepted = [call.id for call in self._history.calls.values() if call.answer is Answer.ACCEPTED]
        self._say(f"faults over; draining {len(accepted)} tasks")
        best, since = -1, time.monotonic()
        while time.monotonic() - since < DRAIN_PATIENCE:
            ended = self._look(accepted)
            if ended == len(accepted) and self._yard.is_empty():
                return
            if ended > best:
                best, since = ended, time.monotonic()
            time.sleep(0.2)

    def _stop_workers(self) -> None:
        for worker in self._yard.workers:
            if not worker.has_ended:
                worker.send(signal.SIGTERM)
                worker.exit_code()

    def _report(self, injector: Injector, seconds: float) -> Report:
        history, app = self._history, self._yard.app
        ids = sorted(history.calls)
        outcomes: dict[str, Outcome] = {}
        for n in range(0, len(ids), CHUNK):
            outcomes |= app.backend.get_many(ids[n : n + CHUNK])
        history.ends = {task_id: self._end(outcome) for task_id, outcome in outcomes.items()}
        history.seen = self._seen
        history.runs = all_runs(self._yard.folder / "runs")
        letters = app.broker.dead(limit=len(ids) + 1)
        history.dead = {letter.message.id: letter.reason for letter in letters if letter.message is not None}
        history.left = self._yard.left()
        return Report(
            called=Counter(call.answer for call in history.calls.values()),
            ended=Counter(end.state for end in history.ends.values()),
            runs=sum(len(runs) for runs in history.runs.values()),
            repeats=history.repeats(),
            doubles=history.doubles(),
            seconds=seconds,
            injected=injector.injected,
            violations=history.violations(),
        )

    def _end(self, outcome: Outcome) -> End:
        if outcome.state != "SUCCESS" or outcome.value is None:
            return End(outcome.state, outcome.reason)
        pid, began = self._yard.app.serializer(outcome.content_type).loads(outcome.value)
        return End(outcome.state, outcome.reason, (pid, began))
