"""Bootsteps: sorted by what they require, started in order, stopped in reverse, restarted in part."""

from __future__ import annotations

import logging
import threading
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from kernelq import Blueprint
from kernelq.bootsteps import BROKER, POOL, ConsumerStep, Key, StartStopStep, Step
from kernelq.errors import ImproperlyConfigured, StepFailed


class Worker(SimpleNamespace):
    """The parent of a blueprint under test; steps write into `seen` what happens to them."""

    def __init__(self, *steps: type[Step]) -> None:
        super().__init__(seen=[])
        self.blueprint = Blueprint("worker", steps)


class Told(Step):
    """A step that tells its parent what happens to it."""

    def start(self, parent: Any) -> Any:
        parent.seen.append(f"+{self.name}")
        return self.name.lower()

    def stop(self, parent: Any) -> None:
        parent.seen.append(f"-{self.name}")


class Timer(Told):
    pass


class Broker(Told):
    provides = BROKER


class Pool(Told):
    requires = (BROKER, Timer)
    provides = POOL


class Fetcher(Told):
    requires = ("kernelq.worker:Pool",)


ALL = (Fetcher, Pool, Broker, Timer)


def names(blueprint: Blueprint) -> list[str]:
    return [step.name for step in blueprint.order]


# --- order ---------------------------------------------------------------------------------------


def test_steps_start_after_what_they_require_and_stop_in_reverse() -> None:
    worker = Worker(*ALL)

    assert worker.blueprint.start(worker) is True
    started = list(worker.seen)
    worker.blueprint.stop(worker)

    assert started.index("+Fetcher") > started.index("+Pool") > started.index("+Broker")
    assert started.index("+Pool") > started.index("+Timer")
    assert worker.seen[4:] == [seen.replace("+", "-") for seen in reversed(started)]


def test_a_required_class_is_added_by_itself() -> None:
    assert set(names(Blueprint("worker", [Pool, Broker]))) == {"Broker", "Timer", "Pool"}


def test_a_class_given_twice_counts_once() -> None:
    assert names(Blueprint("worker", [Timer, Timer])) == ["Timer"]


def test_a_step_is_called_by_its_class_unless_it_has_a_name_of_its_own() -> None:
    class Named(Step):
        name = "proj.special"

    class Heir(Named):
        pass

    assert (Named.name, Heir.name, Timer.name) == ("proj.special", "Heir", "Timer")


@pytest.mark.parametrize("text", ["Timer", "celery.worker.components:Timer", "proj.steps.Timer"])
def test_a_step_may_be_required_by_name(text: str) -> None:
    class Late(Step):
        requires = frozenset({text})

    assert names(Blueprint("worker", [Late, Timer])) == ["Timer", "Late"]


def test_a_missing_provider_is_named_with_the_step_the_key_and_the_known_keys() -> None:
    class Lonely(Step):
        requires = (Key("moon"),)

    with pytest.raises(
        ImproperlyConfigured, match=r"Lonely requires the key 'moon', which 'worker' lacks \(known: broker, pool\)"
    ):
        Blueprint("worker", [*ALL, Lonely])


def test_a_missing_name_is_named_with_the_step_and_the_known_steps() -> None:
    class Lonely(Step):
        requires = ("proj:Moon",)

    with pytest.raises(
        ImproperlyConfigured, match=r"Lonely requires the bootstep 'proj:Moon', which 'worker' lacks \(known: Lonely\)"
    ):
        Blueprint("worker", [Lonely])


def test_two_providers_of_one_key_are_refused() -> None:
    class Other(Step):
        provides = Key("broker")

    with pytest.raises(ImproperlyConfigured, match=r"two bootsteps of 'worker', .*Broker.*Other.* provide .*'broker'"):
        Blueprint("worker", [Broker, Other])


def test_two_steps_of_one_name_are_refused() -> None:
    class Other(Step):
        name = "Timer"

    with pytest.raises(ImproperlyConfigured, match=r"two bootsteps of 'worker', .* are called 'Timer'"):
        Blueprint("worker", [Timer, Other])


def test_a_circle_is_refused_and_shown() -> None:
    class Hen(Step):
        requires = ("Egg",)

    class Egg(Step):
        requires = (Hen,)

    with pytest.raises(ImproperlyConfigured, match=r"require one another: (Hen → Egg → Hen|Egg → Hen → Egg)"):
        Blueprint("worker", [Egg])


# --- making and values ---------------------------------------------------------------------------


def test_steps_are_made_with_the_parent_and_the_options_before_any_starts() -> None:
    class Picky(Told):
        requires = (Timer,)

        def __init__(self, parent: Any, dog: str = "", **options: Any) -> None:
            super().__init__(parent, **options)
            parent.seen.append(f"{dog} {options}")

    worker = Worker(Picky)

    worker.blueprint.start(worker, dog="Rex", cat=1)

    assert worker.seen == ["Rex {'cat': 1}", "+Timer", "+Picky"]


def test_a_step_reads_the_value_of_a_key_from_the_blueprint() -> None:
    class Reader(Step):
        requires = (BROKER,)

        def start(self, parent: Any) -> None:
            parent.read = parent.blueprint[BROKER]

    worker = Worker(Reader, Broker)

    worker.blueprint.start(worker)

    assert worker.read == "broker"


def test_a_value_is_gone_once_its_provider_has_stopped() -> None:
    worker = Worker(Broker)
    worker.blueprint.start(worker)

    worker.blueprint.stop(worker)

    with pytest.raises(KeyError):
        worker.blueprint[BROKER]


def test_a_step_left_out_is_neither_created_nor_started_and_others_run_without_it() -> None:
    class Beat(StartStopStep):
        enabled = False

        def create(self, parent: Any) -> Any:
            raise AssertionError("created")

    class After(Told):
        requires = (Beat,)

    worker = Worker(After)

    worker.blueprint.start(worker)

    assert worker.seen == ["+After"]


def test_a_step_cannot_run_without_the_provider_of_its_key() -> None:
    class Maybe(Broker):
        name = "Broker"

        def include_if(self, parent: Any) -> bool:
            return False

    worker = Worker(Maybe, Pool)

    with pytest.raises(ImproperlyConfigured, match="Pool requires the key 'broker', but Broker is left out"):
        worker.blueprint.start(worker)

    assert worker.seen == []


def test_a_step_that_cannot_be_made_is_named() -> None:
    class Stillborn(Step):
        def __init__(self, parent: Any, **options: Any) -> None:
            raise ValueError("no room")

    worker = Worker(Stillborn)

    with pytest.raises(StepFailed, match="bootstep 'Stillborn' could not be made: no room"):
        worker.blueprint.start(worker)


# --- failing -------------------------------------------------------------------------------------


class Bad(Told):
    requires = (Timer,)

    def start(self, parent: Any) -> None:
        raise OSError("port 80 is taken")


def test_a_step_that_fails_to_start_stops_the_started_ones_and_is_named() -> None:
    worker = Worker(Bad)

    with pytest.raises(StepFailed, match="bootstep 'Bad' could not start: port 80 is taken") as caught:
        worker.blueprint.start(worker)

    assert caught.value.step == "Bad"
    assert isinstance(caught.value.__cause__, OSError)
    assert worker.seen == ["+Timer", "-Timer"]


def test_a_keyboard_interrupt_stops_the_started_ones_too() -> None:
    class Interrupted(Told):
        requires = (Timer,)

        def start(self, parent: Any) -> None:
            raise KeyboardInterrupt

    worker = Worker(Interrupted)

    with pytest.raises(KeyboardInterrupt):
        worker.blueprint.start(worker)

    assert worker.seen == ["+Timer", "-Timer"]


def test_a_step_that_fails_to_stop_is_logged_by_name_and_the_others_still_stop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Stubborn(Told):
        requires = (Timer,)

        def stop(self, parent: Any) -> None:
            raise RuntimeError("will not")

    worker = Worker(Stubborn)
    worker.blueprint.start(worker)

    with caplog.at_level(logging.ERROR):
        worker.blueprint.stop(worker)

    assert worker.seen[-1] == "-Timer"
    assert "bootstep Stubborn could not stop" in caplog.text
    assert "will not" in caplog.text


# --- restart -------------------------------------------------------------------------------------


def test_a_restart_touches_the_provider_and_all_that_hang_on_it_and_nothing_else() -> None:
    worker = Worker(*ALL)
    worker.blueprint.start(worker)
    worker.seen.clear()

    assert worker.blueprint.restart(BROKER, worker) is True

    assert worker.seen == ["-Fetcher", "-Pool", "-Broker", "+Broker", "+Pool", "+Fetcher"]


def test_a_step_that_reconnects_by_itself_is_left_alone_by_a_restart() -> None:
    class Steady(Told):
        requires = (BROKER,)
        reconnects = True

    class OnSteady(Told):
        requires = (Steady,)

    worker = Worker(Broker, OnSteady)
    worker.blueprint.start(worker)
    worker.seen.clear()

    worker.blueprint.restart(BROKER, worker)

    assert worker.seen == ["-Broker", "+Broker"]


def test_a_restart_that_fails_leaves_the_others_running_and_may_be_tried_again() -> None:
    class Flaky(Broker):
        name = "Broker"
        down: ClassVar[bool] = False

        def start(self, parent: Any) -> Any:
            if self.down:
                raise ConnectionError("refused")
            return super().start(parent)

    worker = Worker(Flaky, Pool)
    worker.blueprint.start(worker)
    worker.seen.clear()
    Flaky.down = True

    with pytest.raises(StepFailed, match="'Broker' could not start: refused"):
        worker.blueprint.restart(BROKER, worker)
    Flaky.down = False
    worker.blueprint.restart("Broker", worker)

    assert worker.seen == ["-Pool", "-Broker", "+Broker", "+Pool"]


def test_a_restart_of_something_unknown_is_refused() -> None:
    worker = Worker(Timer)

    with pytest.raises(ImproperlyConfigured, match=r"restart requires the key 'broker', .*\(known: none\)"):
        worker.blueprint.restart(BROKER, worker)


# --- stop in the midst ---------------------------------------------------------------------------


class Slow(Told):
    """Starts when it is allowed to."""

    requires = (Timer,)

    def start(self, parent: Any) -> Any:
        parent.entered.set()
        assert parent.allowed.wait(30)
        return super().start(parent)


class AfterSlow(Told):
    requires = (Slow,)


def test_a_stop_from_another_thread_lets_the_step_under_way_finish_and_then_stops_all() -> None:
    worker = Worker(AfterSlow)
    worker.entered, worker.allowed = threading.Event(), threading.Event()
    results: list[bool] = []
    starter = threading.Thread(target=lambda: results.append(worker.blueprint.start(worker)))
    starter.start()
    assert worker.entered.wait(30)

    stopper = threading.Thread(target=worker.blueprint.stop, args=(worker,))
    stopper.start()
    while not worker.blueprint._stop_asked:
        stopper.join(0.001)
    worker.allowed.set()
    starter.join(30)
    stopper.join(30)

    assert worker.seen == ["+Timer", "+Slow", "-Slow", "-Timer"]
    assert results == [False]


def test_a_stop_from_another_thread_in_the_midst_of_a_restart_stops_everything() -> None:
    worker = Worker(*ALL)
    worker.blueprint.start(worker)
    pool = next(step for step in worker.blueprint.steps if step.name == "Pool")
    stopper = threading.Thread(target=worker.blueprint.stop, args=(worker,))

    def stop(parent: Any) -> None:
        stopper.start()
        while not worker.blueprint._stop_asked:
            stopper.join(0.001)

    pool.stop = stop  # type: ignore[method-assign]
    worker.seen.clear()

    assert worker.blueprint.restart(BROKER, worker) is False
    stopper.join(30)

    assert worker.seen == ["-Fetcher", "-Broker", "-Timer"]


def test_a_restart_asked_for_in_the_midst_of_a_start_waits_for_it() -> None:
    worker = Worker(Slow)
    worker.entered, worker.allowed = threading.Event(), threading.Event()
    starter = threading.Thread(target=worker.blueprint.start, args=(worker,))
    starter.start()
    assert worker.entered.wait(30)

    restarter = threading.Thread(target=worker.blueprint.restart, args=("Slow", worker))
    restarter.start()
    restarter.join(0.12)  # more than one look
    assert restarter.is_alive()
    worker.allowed.set()
    starter.join(30)
    restarter.join(30)

    assert worker.seen == ["+Timer", "+Slow", "-Slow", "+Slow"]


def test_a_restart_asked_for_in_the_midst_of_a_stop_does_nothing_and_keeps_nobody_waiting() -> None:
    answers: list[bool] = []

    class Keeper(Told):
        requires = (BROKER,)

        def stop(self, parent: Any) -> None:
            keeper = threading.Thread(target=lambda: answers.append(parent.blueprint.restart(BROKER, parent)))
            keeper.start()
            keeper.join(30)
            super().stop(parent)

    worker = Worker(Broker, Keeper)
    worker.blueprint.start(worker)

    worker.blueprint.stop(worker)

    assert answers == [False]
    assert worker.seen == ["+Broker", "+Keeper", "-Keeper", "-Broker"]


def test_a_stop_before_the_start_keeps_every_step_from_starting() -> None:
    worker = Worker(Timer)
    worker.blueprint.stop(worker)

    assert worker.blueprint.start(worker) is False
    assert worker.seen == []


def test_a_second_stop_does_nothing() -> None:
    worker = Worker(Timer)
    worker.blueprint.start(worker)

    worker.blueprint.stop(worker)
    worker.blueprint.stop(worker)

    assert worker.seen == ["+Timer", "-Timer"]


def test_terminate_in_the_midst_of_a_stop_ends_the_rest_at_once() -> None:
    class Base(Told):
        def terminate(self, parent: Any) -> None:
            parent.seen.append("terminated")

    class Waiting(Told):
        requires = (Base,)

        def stop(self, parent: Any) -> None:
            parent.blueprint.stop(parent, terminate=True)

    worker = Worker(Waiting)
    worker.blueprint.start(worker)

    worker.blueprint.stop(worker)

    assert worker.seen == ["+Base", "+Waiting", "terminated"]


def test_a_step_without_a_terminate_of_its_own_is_stopped() -> None:
    worker = Worker(Timer)
    worker.blueprint.start(worker)

    worker.blueprint.stop(worker, terminate=True)

    assert worker.seen == ["+Timer", "-Timer"]


# --- start-stop steps ----------------------------------------------------------------------------


class Service:
    def __init__(self) -> None:
        self.seen: list[str] = []

    def start(self) -> None:
        self.seen.append("start")

    def stop(self) -> None:
        self.seen.append("stop")


class HardService(Service):
    def terminate(self) -> None:
        self.seen.append("terminate")


SERVICE: Key[Service] = Key("service")


class Serving(StartStopStep):
    provides = SERVICE

    def create(self, parent: Any) -> Any:
        return parent.service


@pytest.mark.parametrize(
    ("service", "terminate", "expected"),
    [
        (Service(), False, ["start", "stop"]),
        (Service(), True, ["start", "stop"]),
        (HardService(), False, ["start", "stop"]),
        (HardService(), True, ["start", "terminate"]),
    ],
    ids=["stop", "terminate without one", "stop of two", "terminate"],
)
def test_a_start_stop_step_drives_and_provides_what_it_created(
    service: Service, terminate: bool, expected: list[str]
) -> None:
    worker = Worker(Serving)
    worker.service = service

    worker.blueprint.start(worker)
    provided = worker.blueprint[SERVICE]
    worker.blueprint.stop(worker, terminate=terminate)

    assert provided is service
    assert service.seen == expected


@pytest.mark.parametrize("terminate", [False, True])
def test_a_start_stop_step_that_creates_nothing_does_nothing(terminate: bool) -> None:
    worker = Worker(StartStopStep)

    assert worker.blueprint.start(worker)
    worker.blueprint.stop(worker, terminate=terminate)


def test_a_consumer_step_restarts_with_the_broker() -> None:
    class Listener(ConsumerStep):
        def create(self, parent: Any) -> Any:
            return parent.service

    worker = Worker(Listener, Broker)
    worker.service = Service()
    worker.blueprint.start(worker)

    worker.blueprint.restart(BROKER, worker)

    assert worker.service.seen == ["start", "stop", "start"]
