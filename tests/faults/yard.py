"""The yard: one test's folder, its place on an engine, the workers on it, and what its tasks wrote down."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy
from faults.engines import Ground
from faults.processes import WorkerProcess
from faults.runs import Run, runs_of
from kernelq import KernelQ
from kernelq.contracts import Outcome, QueueStats
from servers import exchange
from waiting import until

LEASE = 3.0
"""Seconds; short, so that tests need not wait long for its end. A worker that may not lose it may stand still for two thirds
of it: a shorter one would end whenever the machine is busy or its disk slow."""


class Yard:
    """`app` is the client, straight to the engine; `workers` may be led through a proxy by `route`."""

    def __init__(self, folder: Path, ground: Ground, **settings: Any) -> None:
        self.folder = folder
        self.ground = ground
        self.route = ground
        """Where workers started from now on find the engine."""
        self.gate = folder / "gate"
        """What `faulty.wait_once` waits for."""
        self.workers: list[WorkerProcess] = []
        (folder / "runs").mkdir()
        self.app = self.client(**settings)
        self._clients = [self.app]

    @property
    def server(self) -> Any:
        """The server, or None."""
        return self.ground.server

    @property
    def holds_leases(self) -> bool:
        """Whether a lease lasts its time whatever becomes of the connection."""
        return self.ground.engine != "amqp"

    def client(self, ground: Ground | None = None, **settings: Any) -> KernelQ:
        """Another app on the engine, by another way if need be."""
        ground = ground or self.ground
        client = KernelQ("faulty", broker=ground.broker, backend=ground.backend, set_as_current=False, **settings)
        if hasattr(self, "_clients"):
            self._clients.append(client)
        return client

    def start(
        self,
        module: str = "faulty",
        *,
        concurrency: int = 2,
        wait: bool = True,
        clock: float | None = None,
        **settings: Any,
    ) -> WorkerProcess:
        """A worker that consumes, unless `wait` is off. `settings` are the app's; the lease is `LEASE`.

        With `clock` its wall clock is off by so many seconds, as `set_clock` says from then on.
        """
        where = {"broker_url": self.route.broker, "result_backend": self.route.backend}
        settings = {"worker_lease": LEASE, **where, **settings}
        name = f"w{len(self.workers)}"
        if clock is not None:
            self.set_clock(clock)
        worker = WorkerProcess(
            name, self.folder, module, concurrency, settings, wait=wait, is_clock_off=clock is not None
        )
        self.workers.append(worker)
        return worker

    def set_clock(self, seconds: float) -> None:
        """Put the clock of the workers started with one off by so much; at once, they look at each question."""
        new = self.folder / "clock.new"
        new.write_text(str(seconds))
        new.replace(self.folder / "clock")

    def call(self, task: str, *args: Any, **options: Any) -> Any:
        """Call a task of `faulty`; its result."""
        return self.app.send_task(f"faulty.{task}", args, **options)

    def call_many(self, calls: Sequence[tuple[Any, ...]], **options: Any) -> list[Any]:
        """Publish these calls, each a task's name and its arguments, in one go; their results."""
        publisher = self.app.publisher
        messages = [publisher.message(None, f"faulty.{task}", args, {}, dict(options)) for task, *args in calls]
        publisher.publish(messages)
        return [self.app.AsyncResult(message.id) for message in messages]

    def outcomes(self, results: Sequence[Any]) -> dict[str, Outcome]:
        """What is stored of these tasks, by their ids, in one look."""
        return self.app.backend.get_many([result.id for result in results])

    def until_ready(self, results: Sequence[Any]) -> list[Outcome]:
        """Wait for the end of all of these; their outcomes, in order. One look for all costs less than one for each."""

        waiting, found = list(results), {}

        def all_are() -> bool:
            found.update({task_id: each for task_id, each in self.outcomes(waiting).items() if each.is_ready})
            waiting[:] = [result for result in waiting if result.id not in found]
            return not waiting

        try:
            until(all_are, "tasks to end")
        except AssertionError as error:
            raise AssertionError(
                f"{len(waiting)} tasks never ended: {waiting[:3]}, {self.left()} messages are left{self.logs()}"
            ) from error
        return [found[result.id] for result in results]

    def runs(self, result: Any) -> list[Run]:
        """The runs of a task so far, by their beginning."""
        return runs_of(self.folder / "runs", result.id)

    def begun(self) -> int:
        """How many tasks have written down that they began; a file is there a moment before its first line."""
        return sum(entry.stat().st_size > 0 for entry in os.scandir(self.folder / "runs"))

    def until_begun(self, tasks: int = 1) -> None:
        """Wait until so many tasks have begun."""
        until(lambda: self.begun() >= tasks, f"{tasks} tasks to begin{self.logs()}")

    def until_running(self, messages: int) -> None:
        """Wait until workers hold so many messages."""
        until(lambda: self.stats().running == messages, f"{messages} messages to be held{self.logs()}")

    def stats(self) -> QueueStats:
        """How the queue stands, as the broker says."""
        return next(
            (stats for stats in self.app.broker.queues() if stats.name == "default"), QueueStats(name="default")
        )

    def left(self) -> int:
        """How many messages are left, ready, delayed or held, besides dead letters."""
        if self.ground.engine == "amqp":
            return left_in_rabbit(self.ground)
        stats = self.stats()
        return stats.ready + stats.delayed + stats.running

    def until_left(self, messages: int) -> None:
        """Wait until so many messages are left."""
        until(lambda: self.left() == messages, f"{messages} messages to be left{self.logs()}")

    def is_empty(self) -> bool:
        """Whether no message is left but dead letters."""
        return not self.left()

    def until_empty(self) -> None:
        """Wait until no message is left but dead letters."""
        until(self.is_empty, f"the queue to be empty{self.logs()}")

    def is_locked(self) -> bool:
        """Whether somebody holds the write lock of the file, if the engine is one."""
        if self.server is not None:
            return False
        file = sqlite3.connect(self.folder / "kernelq.sqlite3", timeout=0.05, isolation_level=None)
        try:
            file.execute("BEGIN IMMEDIATE")
            file.execute("ROLLBACK")
            return False
        except sqlite3.OperationalError:
            return True
        finally:
            file.close()

    def sql(self, statement: str) -> list[Any]:
        """The rows of a statement, said to the SQL server on a connection of its own."""
        engine = sqlalchemy.create_engine(
            self.ground.broker.replace("postgresql://", "postgresql+psycopg://").replace(
                "mysql://", "mysql+pymysql://"
            ),
            isolation_level="AUTOCOMMIT",
            poolclass=sqlalchemy.NullPool,
        )
        with engine.connect() as connection:
            done = connection.execute(sqlalchemy.text(statement))
            return list(done) if done.returns_rows else []

    def redis(self, *words: str) -> str:
        """What Redis answers to a command."""
        return exchange(self.server.port, " ".join(words).encode() + b"\r\n").decode()

    def cut_wake_ups(self) -> None:
        """End the connections over which the engine tells of news; it may be that there are none."""
        if self.ground.engine == "postgresql":
            self.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'LISTEN%'")
        else:
            self.redis("CLIENT", "KILL", "TYPE", "pubsub")

    def logs(self) -> str:
        """The end of each worker's log, for the message of a test that failed."""
        return "".join(f"\n--- {worker.name}\n{worker.log[-1500:]}" for worker in self.workers)

    def close(self) -> None:
        """End every worker, however it was left."""
        for worker in self.workers:
            worker.close()
        for client in self._clients:
            client.close()


def left_in_rabbit(ground: Ground) -> int:
    """What the server itself counts in a virtual host, held messages included: no client can see those.

    It counts now and then, so a number that is awaited comes some seconds late.
    """
    vhost = ground.broker.rsplit("/", 1)[1]
    listed = ground.server.control("list_queues", "-q", "--no-table-headers", "-p", vhost, "name", "messages")
    rows = (line.split("\t") for line in listed.splitlines() if "\t" in line)
    return sum(int(count) for name, count in rows if not (name == "kernelq.queues" or name.endswith(".dead")))
