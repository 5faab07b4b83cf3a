"""Three beats on one store, killed and frozen at random: each occurrence is sent once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from faults.beating import EVERY, beating
from kernelq import uuid
from kernelq.beat import ScheduleStore
from kernelq.testing import start_worker
from kernelq_plugins.beat.finding import store_at
from kernelq_plugins.beat.sending import occurrence_id
from servers import PostgresServer, RedisServer
from waiting import until

HERE = Path(__file__).parent
ENOUGH = 500
"""Occurrences that are waited for."""
BEATS = 3
LEASE = 0.5
STEADY = 2.0
"""Seconds a lease lasts that no beat may lose but by its death: a busy machine lets one stand still for a second."""

pytestmark = pytest.mark.faults


class Beats:
    """Processes of ``kernelq beat``; those that are killed are replaced."""

    def __init__(self, folder: Path, settings: dict[str, Any], chance: random.Random) -> None:
        self._folder, self._chance = folder, chance
        self._environment = os.environ | {"PYTHONPATH": str(HERE), "BEATING_RUNS": str(folder / "runs")}
        self._environment |= {f"KERNELQ_{name.upper()}": str(value) for name, value in settings.items()}
        self._processes = [self._begun() for _ in range(BEATS)]

    def _begun(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "kernelq", "-A", "beating", "beat", "-q", "-l", "INFO"]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(command, cwd=self._folder, env=self._environment, stdout=log, stderr=log)

    def pid_of(self, holder: str) -> int | None:
        """The process that holds the lease, if it is one of these."""
        pid = int(holder.split("/")[1]) if "/" in holder else None
        return pid if pid in [process.pid for process in self._processes] else None

    def kill(self, pid: int) -> None:
        """Kill one, and begin another."""
        os.kill(pid, signal.SIGKILL)
        for i, process in enumerate(self._processes):
            if process.pid == pid:
                process.wait()
                self._processes[i] = self._begun()

    def stop(self) -> None:
        """Tell all to end, and wait for that."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            assert process.wait(30) in (0, -signal.SIGTERM)  # the latter: its handler was not there yet

    def close(self) -> None:
        """End all."""
        for process in self._processes:
            process.kill()
            process.wait()


@contextmanager
def beats(folder: Path, settings: dict[str, Any], chance: random.Random) -> Iterator[Beats]:
    """Three of them, ended at the end."""
    running = Beats(folder, settings, chance)
    try:
        yield running
    finally:
        running.close()


def _holder(store: ScheduleStore) -> str:
    """Who leads; looked up where the driver keeps it."""
    if hasattr(store, "_space"):
        found = store._space.call("HGET", store._space.key("beat"), "holder")
        return (found or b"").decode()
    from kernelq_plugins.beat_sql.tables import leader
    from sqlalchemy import select

    with store._sql.read() as connection:  # type: ignore[attr-defined]  # the SQL driver's
        return str(connection.scalar(select(leader.c.holder)) or "")


def _live(
    folder: Path, url: str, monkeypatch: pytest.MonkeyPatch, *, store_url: str | None = None, freezes: bool = True
) -> None:
    """Let beats run with a worker, kill and freeze leaders, and compare what ran with what was due."""
    lease, enough = (LEASE, ENOUGH) if freezes else (STEADY, ENOUGH)
    chance = random.Random(7)
    runs = folder / "runs"
    runs.touch()
    monkeypatch.setenv("BEATING_RUNS", str(runs))
    settings = {"broker_url": url, "schedule_store": store_url or url, "beat_lease": lease}
    with beating(**settings) as app:
        store = store_at(app, settings["schedule_store"])

        def count() -> int:
            return sum(mark.count for mark in store.board().marks.values())

        with start_worker(app, pool="solo", perform_ping_check=False), beats(folder, settings, chance) as running:
            aim = 0
            while (sent := until(partial(_reached, count, aim), f"{aim} occurrences\n{_log(folder)}")) < enough:
                pid = until(lambda: running.pid_of(_holder(store)), f"a leader\n{_log(folder)}")
                if not freezes:
                    _kill_while_nobody_runs(running, pid, store, folder)
                elif chance.random() < 0.5:
                    running.kill(pid)
                else:
                    os.kill(pid, signal.SIGSTOP)
                    # One that is frozen inside a transaction may keep all others waiting, so not for ever.
                    wake_at = time.monotonic() + chance.uniform(lease, 4 * lease)
                    until(lambda pid=pid, at=wake_at: time.monotonic() > at, "its lease to end")
                    os.kill(pid, signal.SIGCONT)
                aim = sent + chance.randrange(10, 60)
            running.stop()  # not killed: nobody would be left to send what the last one claimed
            total = count()
            until(lambda: len(runs.read_text().splitlines()) >= total, f"{total} runs\n{_log(folder)}")
            until(lambda: not any(queue.ready or queue.running for queue in app.broker.queues()), "an empty queue")
        ran = Counter(line for line in runs.read_text().splitlines())
        assert [id for id, times in ran.items() if times > 1] == []
        assert len(ran) == total
        assert set(ran) == _expected(store)


def _kill_while_nobody_runs(running: Beats, pid: int, store: ScheduleStore, folder: Path) -> None:
    """Kill a leader; no task runs until the next one has sent what the last one may have.

    A task that ended between two calls of the next leader, one to the store and one to the broker, would run again: that is said of
    two servers, and takes a moment on a quiet machine and seconds on a busy one.
    """
    (folder / "closed").touch()
    running.kill(pid)
    left = _unsent(store)
    until(lambda: not left & _unsent(store), f"the next leader to send them\n{_log(folder)}")
    (folder / "closed").unlink()


def _unsent(store: ScheduleStore) -> set[tuple[str, float]]:
    return {(each.key, each.instant) for each in store.board().open if each.message is not None}


def _reached(count: Callable[[], int], aim: int) -> int:
    sent = count()
    return sent if sent >= max(aim, 1) else 0


def _log(folder: Path) -> str:
    return (folder / "log").read_text()[-3000:]


def _expected(store: ScheduleStore) -> set[str]:
    """The ids of every occurrence up to each mark: an interval's lie side by side, so the count tells where they began."""
    ids = set()
    for key, mark in store.board().marks.items():
        every = EVERY[key.partition(":")[2]]
        instant = mark.last
        for _ in range(mark.count):
            ids.add(occurrence_id("beating", key, instant))
            instant = round((instant - every) * 1_000_000) / 1_000_000
    return ids


def test_beats_on_redis_send_each_occurrence_once(
    tmp_path: Path, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _live(tmp_path, f"redis://127.0.0.1:{redis_server.port}/0?prefix={uuid()}", monkeypatch)


def test_beats_on_postgresql_send_each_occurrence_once(
    tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _live(tmp_path, postgres_server.fresh(uuid()), monkeypatch)


def test_beats_on_one_sqlite_file_send_each_occurrence_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _live(tmp_path, f"sqlite:///{tmp_path}/kernelq.sqlite3", monkeypatch)


def test_beats_whose_store_is_on_another_server_than_the_broker_send_each_occurrence_once_if_they_are_killed(
    tmp_path: Path, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_url = f"redis://127.0.0.1:{redis_server.port}/0?prefix={uuid()}"
    _live(tmp_path, f"sqlite:///{tmp_path}/kernelq.sqlite3", monkeypatch, store_url=store_url, freezes=False)
