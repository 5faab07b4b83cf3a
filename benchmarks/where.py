"""Where the microseconds of one task go, from the call to the acknowledgement: ``.venv/bin/python -m benchmarks.where REDIS_URL``.

Needs KernelQ with Redis in the Python that runs it, and a Redis of its own: **databases 14 and 15 are emptied**. All steps
run in this process, one after the other, so what is printed is CPU time of the interpreter and of the server; nothing waits for
another process's processor. Docs: docs/profile.md.
"""

from __future__ import annotations

import gc
import logging
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

TASKS = 20_000
BATCH = 192
"""Deliveries claimed at once, as a worker's lane does with quick tasks."""

BEST_OF = 5


class Committer:
    """Stands where a lane stands; plain tasks ask nothing of it."""

    def commit(self, transition: Any) -> bool:
        raise NotImplementedError

    def commit_detached(self, transition: Any) -> None:
        raise NotImplementedError

    def mark_started(self, delivery: Any) -> None:
        raise NotImplementedError


class Profile:
    """One app on Redis, and the steps of its tasks; `rows` has (step, µs here, µs in the server) of each."""

    def __init__(self, url: str, *, results: bool) -> None:
        import redis
        from kernelq import KernelQ
        from kernelq.contracts import Executor, Settler

        self._server = redis.Redis.from_url(f"{url}/15")
        self._app = KernelQ(
            "profile", broker=f"{url}/15", backend=f"{url}/14", task_ignore_result=not results, set_as_current=False
        )
        self._task: Any = self._app.task(name="noop")(lambda i: 1)
        self._consumer: Any = self._app.broker.consumer(["default"], id="profile", lease=600)
        self._settler = Settler(self._app, self._consumer)
        self._executor = Executor(self._app, "profile", Committer())
        self.rows: list[tuple[str, float, float]] = []

    def measure(self) -> None:
        """Every step, the best of some rounds."""
        rounds = [self._round() for _ in range(BEST_OF)]
        for i, (step, _, _) in enumerate(rounds[0]):
            self.rows.append((step, min(each[i][1] for each in rounds), min(each[i][2] for each in rounds)))

    def close(self) -> None:
        """Leave nothing behind."""
        self._consumer.close()
        self._app.close()
        self._server.flushdb()
        self._server.close()

    def _round(self) -> list[tuple[str, float, float]]:
        self._server.flushall()
        batches: list[list[Any]] = []
        few = range(TASKS // 10)
        ends: list[list[Any]] = []
        return [
            ("call: check, encode, make a message", *self._cost(self._make, TASKS)),
            ("call: the same, and publish it alone", *self._cost(lambda: [self._task.delay(i) for i in few], len(few))),
            ("call: the same in bulk", *self._cost(self._bulk, TASKS)),
            ("claim, unpack", *self._cost(lambda: batches.extend(self._claimed()), TASKS + len(few))),
            ("run: admit, decode, request, call, outcome", *self._cost(lambda: ends.extend(self._ran(batches)), TASKS + len(few))),
            ("settle: results and acknowledgement", *self._cost(lambda: self._settled(ends), TASKS + len(few))),
        ]  # fmt: skip

    def _make(self) -> None:
        publisher, task = self._app.publisher, self._task
        for i in range(TASKS):
            publisher.message(task, task.name, (i,), {}, {})

    def _bulk(self) -> None:
        with self._app.bulk() as bulk:
            for i in range(TASKS):
                bulk.delay(self._task, i)

    def _claimed(self) -> list[list[Any]]:
        found = []
        while deliveries := self._consumer.fetch(BATCH, 0):
            found.append(deliveries)
        return found

    def _ran(self, batches: Sequence[list[Any]]) -> list[list[Any]]:
        run = self._executor.run
        return [[run(delivery) for delivery in deliveries] for deliveries in batches]

    def _settled(self, ends: Sequence[list[Any]]) -> None:
        for transitions in ends:
            assert self._settler.settle(transitions) == []

    def _cost(self, act: Callable[[], object], number: int) -> tuple[float, float]:
        """(µs here, µs in the server) for each of `number` tasks."""
        gc.collect()
        server, here = self._server_seconds(), time.process_time()
        act()
        here = time.process_time() - here
        return here / number * 1e6, (self._server_seconds() - server) / number * 1e6

    def _server_seconds(self) -> float:
        used = self._server.info("cpu")
        return float(used["used_cpu_user"] + used["used_cpu_sys"])


def main() -> int:
    """Print the table, without and with results."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    logging.disable(logging.INFO)
    tables = []
    for results in (False, True):
        profile = Profile(sys.argv[1], results=results)
        profile.measure()
        profile.close()
        tables.append(profile.rows)
    print("| step | µs in Python | µs in Redis | with results | |\n|---|---|---|---|---|")
    for (step, here, server), (_, kept_here, kept_server) in zip(*tables, strict=True):
        print(f"| {step} | {here:.1f} | {server:.1f} | {kept_here:.1f} | {kept_server:.1f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
