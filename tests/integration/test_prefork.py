"""The prefork pool with real processes: what becomes of children, of what they ran, and of what they left behind."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import queue
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from kernelq import KernelQ, SoftTimeLimitExceeded, hookimpl
from kernelq.contracts import BrokerUnavailable, Delivery, Message
from kernelq.pools import Fate, Stop
from kernelq_plugins.pool_prefork import burials, prefork
from kernelq_plugins.pool_prefork.lifeline import Lifeline
from kernelq_plugins.pool_prefork.prefork import PreforkPool

PATIENCE = 10.0
"""Seconds a test waits for what must come."""

FOR_EVER = 3600.0


class Wire:
    """Carries words from children to the test."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        self._unread = b""

    def say(self, word: object) -> None:
        os.write(self._writer, f"{word}\n".encode())

    def hear(self) -> str:
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._reader], [], [], PATIENCE)
            assert ready, "nothing was said in time"
            self._unread += os.read(self._reader, 4096)
        word, _, self._unread = self._unread.partition(b"\n")
        return word.decode()

    def is_silent(self) -> bool:
        return not self._unread and not select.select([self._reader], [], [], 0)[0]

    def close(self) -> None:
        os.close(self._reader)
        os.close(self._writer)


class ScriptedLane:
    """Stands for the kernel's lane: in the child it runs the test's script."""

    def __init__(self, host: ScriptedHost, index: int, tracker, on_ready) -> None:
        self.host = host
        self.index = index
        self.tracker = tracker
        self.on_ready = on_ready
        self.is_stopped = False

    def run(self) -> None:
        self.on_ready()
        self.host.script(self)

    def stop(self, how: Stop) -> None:
        self.is_stopped = True

    def begin(self, task_id: str, soft=None, hard=None, *, acked: bool = False) -> None:
        delivery = Delivery(message=Message(id=task_id, task="proj.add", body=b""), queue="default")
        self.tracker.started(delivery, soft, hard, acked=acked)

    def end(self) -> None:
        self.tracker.finished()
        self.tracker.settled(1)

    def idle(self) -> None:
        while not self.is_stopped:
            time.sleep(0.01)


def idle(lane: ScriptedLane) -> None:
    lane.idle()


class ScriptedHost:
    """Stands for the worker: notes what the pool asks of it."""

    def __init__(self, app: KernelQ, concurrency: int) -> None:
        self.app = app
        self.hostname = "kernelq@test"
        self.concurrency = concurrency
        self.script: Callable[[ScriptedLane], None] = idle
        self.wire = Wire()
        self.kept: set[str] = set()
        self.ready: queue.Queue[int] = queue.Queue()
        self.buried: queue.Queue[tuple[str, dict[str, Fate]]] = queue.Queue()
        self.dropped: queue.Queue[str] = queue.Queue()
        self.broker_failures = 0
        self._made = 0

    def lane(self, *, index=0, consumer_id=None, tracker=None, on_ready=None) -> ScriptedLane:
        self.wire.say(os.getpid())
        return ScriptedLane(self, index, tracker, on_ready)

    def new_consumer_id(self, index: int) -> str:
        self._made += 1
        return f"{index}/{self._made}"

    def keep(self, consumer_id: str) -> None:
        self.kept.add(consumer_id)

    def drop(self, consumer_id: str) -> None:
        self.kept.discard(consumer_id)
        self.dropped.put(consumer_id)

    def bury(self, consumer_id: str, running: dict[str, Fate]) -> None:
        if self.broker_failures:
            self.broker_failures -= 1
            raise BrokerUnavailable("away")
        self.buried.put((consumer_id, running))

    def hold_fork(self):
        return contextlib.nullcontext()

    def is_ready(self, index: int) -> None:
        self.ready.put(index)

    # --- the test's side

    def pid(self) -> int:
        """The pid of the next child that got as far as its lane."""
        return int(self.wire.hear())


@pytest.fixture(autouse=True)
def _scripted_burial(monkeypatch) -> None:
    """What a burial does to the broker has tests of its own; here it is noted."""
    monkeypatch.setattr(burials, "bury", lambda host, consumer_id, running: host.bury(consumer_id, running))


@pytest.fixture
def app() -> KernelQ:
    return KernelQ("prefork", broker="memory://", set_as_current=False)


@pytest.fixture
def start(app) -> Iterator[Callable[..., tuple[ScriptedHost, PreforkPool]]]:
    """Run a pool in a thread; killed and joined at the end."""
    running: list[tuple[ScriptedHost, PreforkPool, threading.Thread]] = []

    def start(script=idle, *, concurrency: int = 1, before=lambda host: None, **settings):
        app.conf.update(settings)
        host = ScriptedHost(app, concurrency)
        host.script = script
        before(host)
        pool = PreforkPool(host)
        thread = threading.Thread(target=pool.run, name="supervisor")
        thread.start()
        running.append((host, pool, thread))
        host.join = lambda: (thread.join(PATIENCE), not thread.is_alive())[1]
        return host, pool

    yield start
    for host, pool, thread in running:
        pool.stop(Stop.QUICK)
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert host.kept == set(), "a lease is still renewed for nobody"
        host.wire.close()


def is_gone(pid: int) -> bool:
    """Whether a process ends in time; it need not be ours, and may be left a zombie by who should reap it."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            with open(f"/proc/{pid}/stat") as stat:
                if stat.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


# --- children that end


def test_an_idle_child_that_is_killed_is_replaced_and_what_it_held_goes_back(start):
    host, _ = start(concurrency=2)
    first, second = host.pid(), host.pid()

    os.kill(first, signal.SIGKILL)

    assert host.buried.get(timeout=PATIENCE)[1] == {}
    assert host.pid() not in (first, second)


def test_each_child_says_once_that_it_consumes(start):
    host, _ = start(concurrency=2)

    assert {host.ready.get(timeout=PATIENCE), host.ready.get(timeout=PATIENCE)} == {0, 1}
    assert host.ready.empty()


def test_a_task_whose_process_is_killed_has_crashed_by_that_signal(start):
    def script(lane):
        lane.begin("earlier")
        lane.end()
        lane.begin("id")
        lane.host.wire.say("begun")
        lane.idle()

    host, _ = start(script)
    pid = host.pid()
    assert host.wire.hear() == "begun"

    os.kill(pid, signal.SIGKILL)

    assert host.buried.get(timeout=PATIENCE)[1] == {"id": Fate(reason="crashed", detail="signal 9 (SIGKILL)")}


@pytest.mark.parametrize("code", [0, 3])
def test_a_task_that_ends_its_process_has_crashed_whatever_the_exit_code(start, code):
    def script(lane):
        lane.begin("id", acked=True)
        os._exit(code)

    host, _ = start(script)

    fate = Fate(reason="crashed", detail=f"exit code {code}", acked=True)
    assert host.buried.get(timeout=PATIENCE)[1] == {"id": fate}


def test_a_death_is_told_in_the_log_with_pid_cause_and_task(start, caplog):
    def script(lane):
        lane.begin("id")
        os._exit(3)

    host, _ = start(script)
    pid = host.pid()
    host.buried.get(timeout=PATIENCE)

    assert f"child 0 (pid {pid}) ended by exit code 3 while running proj.add[id]" in caplog.text


def test_a_lane_that_raises_ends_its_child_with_code_1(start):
    def script(lane):
        raise ValueError("broken")

    host, _ = start(script)

    assert host.buried.get(timeout=PATIENCE)[1] == {}


def test_children_that_end_at_once_are_forked_more_and_more_slowly(start, caplog):
    host, _ = start(lambda lane: os._exit(3))
    begun = time.monotonic()

    for _ in range(4):
        host.pid()

    # The second follows at once, the third after 0.1 s, the fourth after 0.2 s.
    assert time.monotonic() - begun >= 0.3
    assert "child 0 failed to start 3 times in a row (exit code 3); trying again in 0.2 s" in caplog.text


def test_a_fork_that_fails_is_tried_again(start, monkeypatch, caplog):
    fork = os.fork
    failures = iter([OSError(errno.EAGAIN, "no more processes")] * 2)

    def poor_fork():
        for failure in failures:
            raise failure
        return fork()

    monkeypatch.setattr(os, "fork", poor_fork)
    host, _ = start()

    assert host.pid()
    assert "cannot fork child 0: [Errno 11] no more processes" in caplog.text


def test_a_burial_waits_for_the_broker_and_the_supervisor_goes_on(start):
    def break_broker(host):
        host.broker_failures = 2

    host, _ = start(before=break_broker)

    os.kill(host.pid(), signal.SIGKILL)
    assert host.pid()  # replaced meanwhile

    assert host.buried.get(timeout=PATIENCE) == ("0/1", {})


# --- time limits


@pytest.mark.parametrize("hard", [0.2, 1.3])
def test_a_task_over_its_hard_limit_is_killed_in_time_and_has_timed_out(start, hard):
    def script(lane):
        lane.host.wire.say(time.monotonic())  # one clock for all processes of the machine
        lane.begin("id", None, hard)
        time.sleep(FOR_EVER)

    host, _ = start(script)
    pid, begun = host.pid(), float(host.wire.hear())

    assert host.buried.get(timeout=PATIENCE)[1] == {"id": Fate(reason="timed_out", limit=hard)}
    assert hard <= time.monotonic() - begun < hard + 10.0
    assert is_gone(pid)
    assert host.pid() != pid


def test_what_a_task_forked_is_killed_with_it_at_the_hard_limit(start):
    def script(lane):
        lane.begin("id", None, 0.2)
        grandchild = os.fork()
        if not grandchild:
            time.sleep(FOR_EVER)
        lane.host.wire.say(grandchild)
        time.sleep(FOR_EVER)

    host, _ = start(script)
    host.pid()

    assert is_gone(host.pid())


def test_a_soft_limit_is_raised_once_in_the_task_and_the_child_goes_on(start):
    def script(lane):
        lane.begin("id", 0.1, None)
        for _ in range(2):
            try:
                time.sleep(0.5)
                lane.host.wire.say("slept")
            except SoftTimeLimitExceeded as error:
                lane.host.wire.say(error.args[0])
        lane.end()
        lane.idle()

    host, _ = start(script)
    host.pid()

    assert [host.wire.hear(), host.wire.hear()] == ["0.1", "slept"]
    assert host.buried.empty()


def test_a_task_that_outstays_its_soft_limit_meets_the_hard_one(start):
    def script(lane):
        lane.begin("id", 0.1, 0.3)
        try:
            time.sleep(FOR_EVER)
        except SoftTimeLimitExceeded:
            lane.host.wire.say("soft")
        time.sleep(FOR_EVER)

    host, _ = start(script)
    host.pid()

    assert host.wire.hear() == "soft"
    assert host.buried.get(timeout=PATIENCE)[1] == {"id": Fate(reason="timed_out", limit=0.3)}


def test_the_signal_of_a_soft_limit_does_nothing_to_a_task_it_was_not_meant_for(start):
    def script(lane):
        lane.begin("id", FOR_EVER, None)
        os.kill(os.getpid(), signal.SIGUSR1)
        lane.host.wire.say("alive")
        lane.end()
        lane.idle()

    host, _ = start(script)
    host.pid()

    assert host.wire.hear() == "alive"


# --- replacing children


def test_a_child_that_has_run_its_tasks_is_replaced_without_a_burial(start, caplog):
    caplog.set_level(logging.INFO)

    def script(lane):
        while not lane.is_stopped:
            lane.begin("id")
            lane.end()
            lane.host.wire.say("ran")

    host, _ = start(script, worker_max_tasks_per_child=2)
    first = host.pid()

    assert [host.wire.hear(), host.wire.hear()] == ["ran", "ran"]
    assert host.pid() != first
    assert host.dropped.get(timeout=PATIENCE) == "0/1"
    assert host.buried.empty()
    assert f"child 0 (pid {first}) ended: it has run worker_max_tasks_per_child tasks" in caplog.text


def test_a_child_that_grew_too_large_is_replaced_after_the_task(start, caplog):
    caplog.set_level(logging.INFO)

    def script(lane):
        lane.begin("id")
        lane.host.wire.say("ran")
        lane.end()
        lane.idle()

    host, _ = start(script, worker_max_memory_per_child=100)
    first = host.pid()

    assert host.wire.hear() == "ran"
    assert host.pid() != first
    assert f"child 0 (pid {first}) ended: it is larger than worker_max_memory_per_child" in caplog.text


def test_a_child_told_to_terminate_finishes_its_task_and_is_replaced(start):
    def script(lane):
        lane.begin("id")
        lane.host.wire.say("begun")
        lane.idle()
        lane.host.wire.say("ended")
        lane.end()

    host, _ = start(script)
    pid = host.pid()
    assert host.wire.hear() == "begun"

    os.kill(pid, signal.SIGTERM)

    assert host.wire.hear() == "ended"
    assert host.pid() != pid
    assert host.buried.empty()


def test_a_child_pays_no_heed_to_an_interrupt(start):
    host, _ = start(lambda lane: (lane.host.wire.say("up"), lane.idle()))
    pid = host.pid()
    assert host.wire.hear() == "up"

    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)

    assert host.pid() != pid
    assert host.buried.empty()


# --- stopping


def test_a_warm_stop_lets_every_child_finish_what_it_runs(start):
    def script(lane):
        lane.begin("id")
        lane.host.wire.say("begun")
        lane.idle()
        lane.end()
        lane.host.wire.say("ended")

    host, pool = start(script)
    host.pid()
    assert host.wire.hear() == "begun"

    pool.stop(Stop.WARM)

    assert host.wire.hear() == "ended"
    assert host.join()
    assert host.buried.empty()


def test_a_warm_stop_that_takes_too_long_becomes_a_quick_one(start):
    def script(lane):
        lane.begin("id")
        lane.host.wire.say("begun")
        time.sleep(FOR_EVER)

    host, pool = start(script, worker_shutdown_timeout=0.1)
    host.pid()
    assert host.wire.hear() == "begun"

    pool.stop(Stop.WARM)

    assert host.join()
    assert host.buried.get_nowait() == ("0/1", {})


def test_time_limits_hold_during_a_warm_stop(start):
    def script(lane):
        lane.begin("id", None, 0.4)
        lane.host.wire.say("begun")
        time.sleep(FOR_EVER)

    host, pool = start(script)
    host.pid()
    assert host.wire.hear() == "begun"

    pool.stop(Stop.WARM)

    assert host.join()
    assert host.buried.get_nowait()[1] == {"id": Fate(reason="timed_out", limit=0.4)}


def test_a_quick_stop_kills_the_children_and_gives_back_what_they_ran(start):
    def script(lane):
        lane.begin("id")
        lane.host.wire.say("begun")
        time.sleep(FOR_EVER)

    host, pool = start(script, concurrency=2)
    assert sorted((host.wire.hear() for _ in range(4)), key=len)[-1] == "begun"

    pool.stop(Stop.WARM)
    pool.stop(Stop.QUICK)

    assert host.join()
    assert {host.buried.get_nowait()[0], host.buried.get_nowait()[0]} == {"0/1", "1/2"}


def test_a_quick_stop_says_what_became_of_a_task_that_cannot_go_back(start):
    def script(lane):
        lane.begin("id", acked=True)
        lane.host.wire.say("begun")
        time.sleep(FOR_EVER)

    host, pool = start(script)
    host.pid()
    assert host.wire.hear() == "begun"

    pool.stop(Stop.QUICK)

    assert host.join()
    fate = Fate(reason="crashed", detail="killed by a quick stop", acked=True)
    assert host.buried.get_nowait()[1] == {"id": fate}


def test_a_pool_stopped_before_it_runs_forks_nothing(app):
    host = ScriptedHost(app, 2)
    pool = PreforkPool(host)

    pool.stop(Stop.WARM)
    pool.run()

    assert host.wire.is_silent()
    host.wire.close()


@pytest.mark.parametrize("by_kernel", [True, False], ids=["by the kernel", "by a pipe"])
def test_children_do_not_outlive_a_killed_supervisor(app, monkeypatch, by_kernel):
    monkeypatch.setattr(prefork, "Lifeline", lambda: Lifeline(by_kernel=by_kernel))
    host = ScriptedHost(app, 2)
    supervisor = os.fork()
    if not supervisor:
        try:
            PreforkPool(host).run()
        finally:
            os._exit(1)
    children = [host.pid(), host.pid()]

    os.kill(supervisor, signal.SIGKILL)
    os.waitpid(supervisor, 0)

    assert all(is_gone(pid) for pid in children)
    host.wire.close()


# --- surroundings


def test_plugins_hear_of_a_child_before_the_fork_at_its_beginning_and_at_its_end(start, app):
    words: list[str] = []

    class Listener:
        def __init__(self) -> None:
            self.wire = Wire()

        @hookimpl
        def worker_before_create_process(self, app):
            words.append(f"before in {os.getpid()}")

        @hookimpl
        def worker_process_init(self, app, hostname):
            self.wire.say(f"init {hostname} in {os.getpid()}")

        @hookimpl
        def worker_process_shutdown(self, app, hostname, pid, exitcode):
            self.wire.say(f"shutdown {hostname} {pid} {exitcode} in {os.getpid()}")

    listener = Listener()
    app.register_plugin(listener)
    host, pool = start()
    child = host.pid()

    pool.stop(Stop.WARM)
    assert host.join()

    assert words == [f"before in {os.getpid()}"]
    assert listener.wire.hear() == f"init kernelq@test in {child}"
    assert listener.wire.hear() == f"shutdown kernelq@test {child} 0 in {child}"
    listener.wire.close()


def test_a_process_forked_by_a_task_is_ended_by_a_plain_terminate(start):
    def script(lane):
        grandchild = os.fork()
        if not grandchild:
            time.sleep(FOR_EVER)
        os.kill(grandchild, signal.SIGTERM)
        lane.host.wire.say(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]))
        lane.idle()

    host, _ = start(script)
    host.pid()

    assert host.wire.hear() == str(-signal.SIGTERM)


def test_a_child_has_a_group_and_a_name_of_its_own_and_no_terminal(start):
    import multiprocessing
    import sys

    def script(lane):
        lane.host.wire.say(os.getpgid(0))
        lane.host.wire.say(multiprocessing.current_process().name)
        lane.host.wire.say(repr(os.read(0, 1)))
        lane.idle()
        sys.exit(0)

    host, _ = start(script)
    pid = host.pid()

    assert [host.wire.hear() for _ in range(3)] == [str(pid), "Worker-0", "b''"]
