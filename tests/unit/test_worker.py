"""The worker: its life, its hooks and its steps, what OS signals do to it, and what keeps it from starting."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from kernelq import KernelQ, StartStopStep, Step, Worker, hookimpl
from kernelq.contracts import BrokerUnavailable, Capabilities, Finding
from kernelq.errors import CapabilityMissing, DriverNotFound, ImproperlyConfigured, StepFailed
from kernelq.pools import Pool, Stop
from kernelq.testing import start_worker
from kernelq_plugins.broker_memory.broker import MemoryBroker
from kernelq_plugins.worker import steps

PATIENCE = 30.0
"""Seconds a test waits for what must come."""


def solo(app: KernelQ, **options: Any) -> Worker:
    return app.Worker(pool="solo", **options)


# --- what it is made of --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        (None, "kernelq@box.example.org"),
        ("w1@%h", "w1@box.example.org"),
        ("w1@%n", "w1@box"),
        ("w1@%d", "w1@example.org"),
        ("w1", "w1@box.example.org"),
        ("100%%@%h", "100%@box.example.org"),
        ("%x@%h", "%x@box.example.org"),
        ("w@%", "w@%"),
    ],
)
def test_a_worker_is_named_after_its_host(
    app: KernelQ, pattern: str | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "box.example.org")

    assert solo(app, hostname=pattern).hostname == name


def test_options_win_over_settings_and_settings_over_what_the_machine_has(app: KernelQ) -> None:
    app.conf.worker_pool = "threads"
    assert (app.Worker().pool_name, app.Worker().concurrency) == ("threads", len(os.sched_getaffinity(0)))

    app.conf.worker_concurrency = 7
    assert app.Worker().concurrency == 7
    assert app.Worker(concurrency=3).concurrency == 3
    assert solo(app, concurrency=3).concurrency == 1


def test_a_worker_consumes_the_default_queue_unless_it_is_told_which(app: KernelQ) -> None:
    app.conf.task_default_queue = "mail"

    assert solo(app).queues == ("mail",)
    assert solo(app, queues=["a", "b"]).queues == ("a", "b")


@pytest.mark.parametrize(("level", "number"), [("info", 20), ("DEBUG", 10), (30, 30), (None, None)])
def test_a_log_level_may_be_a_name_or_a_number(app: KernelQ, level: Any, number: int | None) -> None:
    assert solo(app, loglevel=level).loglevel == number


def test_an_unknown_log_level_lists_those_there_are(app: KernelQ) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"expected a log level, one of CRITICAL, .*, got 'LOUD'"):
        solo(app, loglevel="LOUD")


# --- its life ------------------------------------------------------------------------------------


class Life:
    """Writes down the hooks of a worker's life."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    @hookimpl
    def worker_init(self, worker: Worker) -> None:
        self.seen.append("init")

    @hookimpl
    def import_modules(self, app: KernelQ) -> None:
        self.seen.append("import_modules")

    @hookimpl
    def app_finalized(self, app: KernelQ) -> None:
        self.seen.append("finalized")

    @hookimpl
    def worker_process_init(self, hostname: str) -> None:
        self.seen.append("process_init")

    @hookimpl
    def worker_ready(self, worker: Worker) -> None:
        self.seen.append("ready")

    @hookimpl
    def worker_shutting_down(self, sig: str, how: str, exitcode: int) -> None:
        self.seen.append(("shutting_down", how, exitcode))

    @hookimpl
    def worker_shutdown(self, worker: Worker) -> None:
        self.seen.append("shutdown")


@pytest.mark.parametrize(("how", "said"), [(Stop.WARM, ("Warm", 0)), (Stop.QUICK, ("Cold", 1))])
def test_plugins_are_told_of_a_worker_s_life_in_order(app: KernelQ, how: Stop, said: tuple[str, int]) -> None:
    life = Life()
    app.register_plugin(life)

    with start_worker(app) as worker:
        worker.stop(how)

    assert sorted(life.seen[1:3]) == ["finalized", "import_modules"]
    assert [life.seen[0], *life.seen[3:]] == ["init", "process_init", "ready", ("shutting_down", *said), "shutdown"]
    assert worker.exitcode == said[1]


def test_a_second_stop_of_the_same_kind_says_nothing_new(app: KernelQ) -> None:
    life = Life()
    app.register_plugin(life)
    with start_worker(app) as worker:
        worker.stop(Stop.QUICK)
        worker.stop(Stop.WARM)
        worker.stop(Stop.QUICK)

    assert [entry for entry in life.seen if isinstance(entry, tuple)] == [("shutting_down", "Cold", 1)]


def test_a_worker_stopped_before_it_runs_ends_without_taking_a_message(app: KernelQ) -> None:
    result = app.task(name="t")(lambda: 1).delay()
    worker = solo(app)
    worker.stop()

    assert worker.run() == 0
    assert result.state == "PENDING"


def test_a_raising_listener_harms_no_worker(app: KernelQ) -> None:
    class Bad:
        @hookimpl
        def worker_init(self) -> None:
            raise ValueError("bad")

        worker_ready = worker_shutting_down = worker_shutdown = import_modules = worker_process_init = worker_init

    app.register_plugin(Bad(), "bad")
    with start_worker(app):
        assert app.task(name="t")(lambda: 1).delay().get(timeout=PATIENCE) == 1

    assert app.plugins.failures["bad"] == 6


# --- logging -------------------------------------------------------------------------------------


def test_a_plugin_may_set_logging_up_by_itself(app: KernelQ) -> None:
    asked: list[Any] = []

    class Mine:
        @hookimpl
        def setup_logging(self, loglevel: int, logfile: str | None, colorize: bool) -> bool:
            asked.append((loglevel, logfile, colorize))
            return True

    app.register_plugin(Mine())
    before = list(logging.getLogger().handlers)

    with start_worker(app, loglevel="INFO", logfile="worker.log"):
        pass

    assert asked == [(logging.INFO, "worker.log", False)]
    assert logging.getLogger().handlers == before


def test_without_a_level_logging_is_left_alone(app: KernelQ) -> None:
    class Mine:
        @hookimpl
        def setup_logging(self) -> bool:
            raise AssertionError("asked")

    app.register_plugin(Mine())

    with start_worker(app):
        pass


# --- steps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["hook", "app.steps"])
def test_a_step_of_one_s_own_starts_and_stops_with_the_worker(app: KernelQ, way: str) -> None:
    seen: list[str] = []

    class Dog(Step):
        requires = ("Pool",)

        def start(self, parent: Any) -> None:
            seen.append("start")

        def stop(self, parent: Any) -> None:
            seen.append("stop")

    class Brings:
        @hookimpl
        def bootsteps(self) -> Sequence[type[Step]]:
            return [Dog]

    if way == "hook":
        app.register_plugin(Brings())
    else:
        app.steps["worker"].add(Dog)

    with start_worker(app):
        assert seen == ["start"]

    assert seen == ["start", "stop"]


def test_a_step_that_cannot_start_names_itself_and_the_others_stop(app: KernelQ) -> None:
    service: list[str] = []

    class Service:
        def start(self) -> None:
            service.append("start")

        def stop(self) -> None:
            service.append("stop")

    class Good(StartStopStep):
        def create(self, parent: Any) -> Service:
            return Service()

    class Bad(Step):
        requires = (Good,)

        def start(self, parent: Any) -> None:
            raise OSError("port 80 is taken")

    app.steps["worker"] |= {Good, Bad}
    life = Life()
    app.register_plugin(life)

    with pytest.raises(StepFailed, match="bootstep 'Bad' could not start: port 80 is taken"):
        solo(app).run()

    assert service == ["start", "stop"]
    assert life.seen[-1] == "shutdown"
    assert not [thread.name for thread in threading.enumerate() if thread.name in ("stop-listener", "lease-keeper")]


def test_a_module_of_tasks_that_fails_to_import_keeps_the_worker_from_taking_messages(app: KernelQ) -> None:
    app.conf.include = ["no_such_module"]
    result = app.task(name="t")(lambda: 1).delay()

    with pytest.raises(StepFailed, match="bootstep 'Tasks' could not start: No module named 'no_such_module'"):
        solo(app).run()

    assert (result.state, app.broker.queues()[0].ready) == ("PENDING", 1)


# --- broker, backend, pool -----------------------------------------------------------------------


def app_with_broker(make: Callable[[KernelQ, str], Any]) -> KernelQ:
    class Brings:
        @hookimpl
        def make_broker(self, app: KernelQ, url: str) -> Any:
            return make(app, url)

    app = KernelQ("proj", broker="memory://u:hunter2@host", backend="memory://", set_as_current=False)
    app.register_plugin(Brings())
    return app


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker looks for its broker again at once."""
    monkeypatch.setattr(steps, "intervals", lambda *waits: repeat(0.001))


@pytest.mark.usefixtures("impatient")
def test_a_worker_waits_for_its_broker_and_says_so_without_the_password(caplog: pytest.LogCaptureFixture) -> None:
    fails = Counter(renew=1)

    class Late(MemoryBroker):
        def renew(self, consumer_ids: Any) -> list[str]:
            if fails["renew"]:
                fails["renew"] -= 1
                raise BrokerUnavailable("not yet")
            return super().renew(consumer_ids)

    app = app_with_broker(Late)

    with start_worker(app):
        assert app.task(name="t")(lambda: 1).delay().get(timeout=PATIENCE) == 1

    assert "waiting for the broker memory://u:**@host: not yet" in caplog.text


@pytest.mark.usefixtures("impatient")
def test_a_worker_stopped_while_it_waits_for_its_broker_ends() -> None:
    waiting = threading.Event()

    class Never(MemoryBroker):
        def renew(self, consumer_ids: Any) -> list[str]:
            waiting.set()
            raise BrokerUnavailable("never")

    worker = solo(app_with_broker(Never))
    errors: list[BaseException] = []

    def run() -> None:
        try:
            worker.run()
        except StepFailed as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert waiting.wait(PATIENCE)
    worker.stop()
    thread.join(PATIENCE)

    assert not thread.is_alive()
    assert "bootstep 'Broker' could not start: never" in str(errors[0])


def test_steps_that_live_with_the_broker_start_again_when_it_is_back() -> None:
    starts: list[str] = []
    again = threading.Event()
    away = threading.Event()

    class Flaky(MemoryBroker):
        def renew(self, consumer_ids: Any) -> list[str]:
            if consumer_ids and away.is_set():
                away.clear()
                raise BrokerUnavailable("away")
            return super().renew(consumer_ids)

    class Listener(Step):
        requires = ("Broker",)

        def start(self, parent: Any) -> None:
            starts.append("start")
            if len(starts) > 1:
                again.set()

    app = app_with_broker(Flaky)
    app.conf.worker_lease = 0.1
    app.steps["consumer"].add(Listener)

    with start_worker(app):
        away.set()
        assert again.wait(PATIENCE)
        assert app.task(name="t")(lambda: 1).delay().get(timeout=PATIENCE) == 1


@pytest.mark.parametrize(("option", "step"), [("broker", "Broker"), ("backend", "Backend")])
def test_a_wrong_url_keeps_a_worker_from_starting_and_says_which_step(option: str, step: str) -> None:
    app = KernelQ("proj", **{"broker": "memory://", option: "kafka://host"}, set_as_current=False)  # type: ignore[arg-type]  # by name

    with pytest.raises(StepFailed, match=rf"bootstep '{step}' could not start: no {option} driver for 'kafka'"):
        solo(app).run()


def test_an_unknown_pool_keeps_a_worker_from_starting(app: KernelQ) -> None:
    with pytest.raises(StepFailed, match=r"bootstep 'Pool' could not start: no pool driver for 'fibers'") as caught:
        app.Worker(pool="fibers").run()

    assert isinstance(caught.value.__cause__, DriverNotFound)


@pytest.mark.parametrize("limit", ["task_time_limit", "task_soft_time_limit"])
def test_a_pool_that_cannot_keep_time_limits_refuses_them(app: KernelQ, limit: str) -> None:
    app.conf[limit] = 5

    with pytest.raises(StepFailed, match="the pool 'solo' cannot keep time limits; use prefork") as caught:
        solo(app).run()

    assert isinstance(caught.value.__cause__, CapabilityMissing)


def test_a_pool_of_processes_refuses_a_broker_that_serves_one_process(app: KernelQ) -> None:
    with pytest.raises(StepFailed, match="the pool 'prefork' runs tasks in processes .* memory:// serves one process"):
        app.Worker(pool="prefork").run()


def test_a_task_with_a_priority_refuses_a_broker_without(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.broker, "capabilities", Capabilities(delay=True))
    app.task(name="urgent", priority=9)(lambda: None)

    with pytest.raises(StepFailed, match="urgent has priority 9, and the broker memory:// tells no priorities apart"):
        solo(app).run()


def test_a_worker_says_what_is_unsafe_about_its_broker_and_does_not_start_on_what_loses_messages(
    app: KernelQ, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    findings = [
        Finding("ok", "nice"),
        Finding("warning", "no log", "keep one"),
        Finding("refused", "evicts", "stop it"),
    ]
    monkeypatch.setattr(app.broker, "examine", lambda: findings)

    with pytest.raises(StepFailed, match="broker memory://: evicts; stop it"):
        solo(app).run()

    assert "broker memory://: no log; keep one" in caplog.text
    assert "nice" not in caplog.text


def test_a_plugin_may_bring_a_pool(app: KernelQ) -> None:
    ran: list[str] = []

    class OneLane(Pool):
        def __init__(self, host: Any) -> None:
            super().__init__(host)
            self.lane = host.lane(consumer_id=host.new_consumer_id(0))

        def run(self) -> None:
            ran.append(self.host.hostname)
            self.lane.run()

        def stop(self, how: Stop) -> None:
            self.lane.stop(how)

    class Brings:
        @hookimpl
        def make_pool(self, host: Any, name: str) -> Pool | None:
            return OneLane(host) if name == "one" else None

    app.register_plugin(Brings())
    with start_worker(app, pool="one", hostname="w1@here"):
        assert app.task(name="t")(lambda: 1).delay().get(timeout=PATIENCE) == 1

    assert ran == ["w1@here"]


def test_a_pool_may_have_other_leases_kept_for_it(app: KernelQ) -> None:
    worker = solo(app)

    worker.keep("theirs")
    with worker.hold_fork():
        worker.drop("theirs")

    assert worker.keeper.ids == set()
    assert worker.new_consumer_id(1) != worker.new_consumer_id(1)


# --- OS signals, on the main thread --------------------------------------------------------------


def test_term_lets_the_running_task_finish_and_gives_the_rest_back(app: KernelQ) -> None:
    @app.task(name="stop")
    def stop(number: int) -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        assert worker_stops.wait(PATIENCE)
        return "finished"

    worker_stops = watch_for_stop(app)
    first, second = stop.delay(1), stop.delay(2)
    handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)]

    assert solo(app).run() == 0

    assert (first.get(timeout=0), second.state) == ("finished", "PENDING")
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)] == handlers


@pytest.mark.parametrize("signals", [(signal.SIGTERM, signal.SIGINT), (signal.SIGQUIT,)])
def test_a_second_signal_or_quit_gives_the_running_task_back_too(app: KernelQ, signals: tuple[int, ...]) -> None:
    runs: list[int] = []

    @app.task(name="stop")
    def stop() -> str:
        runs.append(1)
        if len(runs) == 1:
            for number in signals:
                os.kill(os.getpid(), number)
            threading.Event().wait(PATIENCE)
        return "the second time"

    result = stop.delay()

    assert solo(app).run() == 1
    (stats,) = app.broker.queues()
    assert (result.state, stats.ready, stats.running) == ("PENDING", 1, 0)

    with start_worker(app):
        assert result.get(timeout=PATIENCE) == "the second time"
    assert app.broker.dead() == []


def watch_for_stop(app: KernelQ) -> threading.Event:
    """Set once the worker of this app was told to stop."""
    told = threading.Event()

    class Watching:
        @hookimpl
        def worker_shutting_down(self) -> None:
            told.set()

    app.register_plugin(Watching())
    return told


def test_usr1_prints_where_every_thread_is(app: KernelQ, capfd: pytest.CaptureFixture[str]) -> None:
    @app.task(name="look")
    def look() -> None:
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGTERM)

    look.delay()

    solo(app).run()

    assert "Thread 0x" in capfd.readouterr().err


def test_a_worker_logs_into_the_file_it_is_given(app: KernelQ, tmp_path: Path) -> None:
    root, tasks = logging.getLogger(), logging.getLogger("kernelq.task")
    before = (list(root.handlers), root.level, list(tasks.handlers), tasks.propagate)
    app.conf.worker_hijack_root_logger = False
    try:
        with start_worker(app, loglevel="INFO", logfile=str(tmp_path / "worker.log"), hostname="w1@here"):
            pass
    finally:
        for handler in [*root.handlers, *tasks.handlers]:
            if handler not in before[0] + before[2]:
                handler.close()
        root.handlers[:], tasks.handlers[:], tasks.propagate = before[0], before[2], before[3]
        root.setLevel(before[1])
        tasks.setLevel(logging.NOTSET)

    assert "w1@here ready" in (tmp_path / "worker.log").read_text()
