"""Schedulers of one's own, the service that runs them, and the names users import from `kernelq.beat`."""

from __future__ import annotations

import datetime
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernelq import KernelQ
from kernelq.beat import Beat, EmbeddedService, PersistentScheduler, ScheduleEntry, Scheduler, SchedulingError, Service
from kernelq.contracts import ImproperlyConfigured
from kernelq.schedules import crontab
from kernelq.signals import beat_embedded_init, beat_init
from kernelq_plugins.beat.running import _PidFile


@pytest.fixture
def app(tmp_path: Path) -> Iterator[KernelQ]:
    with KernelQ("proj", broker="memory://", set_as_current=False) as app:
        app.conf.beat_schedule_filename = str(tmp_path / "schedule")
        app.task(name="t", ignore_result=True)(lambda *args: None)
        yield app


def _ago(app: KernelQ, seconds: float) -> datetime.datetime:
    return app.now() - datetime.timedelta(seconds=seconds)


def _ready(app: KernelQ) -> int:
    return sum(queue.ready for queue in app.broker.queues())


def test_a_tick_returns_0_exactly_when_it_sent_something(app: KernelQ) -> None:
    scheduler = Scheduler(app, lazy=True)
    scheduler.add(name="a", task="t", schedule=10, last_run_at=_ago(app, 20))

    assert scheduler.tick() == 0
    assert _ready(app) == 1
    assert 9 < scheduler.tick() <= 10
    assert _ready(app) == 1


def test_add_takes_options_and_relative(app: KernelQ) -> None:
    entry = Scheduler(app, lazy=True).add(
        name="a", task="t", schedule=datetime.timedelta(hours=1), relative=True, options={"queue": "mail"}
    )

    assert entry.schedule.relative
    assert entry.options == {"queue": "mail"}


def test_an_entry_is_advanced_before_it_is_sent(app: KernelQ) -> None:
    scheduler = Scheduler(app, lazy=True)
    scheduler.add(name="a", task="t", schedule=10, last_run_at=_ago(app, 20))

    scheduler.tick()

    assert scheduler.schedule["a"].total_run_count == 1


def test_an_entry_that_raises_stops_no_other(app: KernelQ) -> None:
    class Broken(crontab):
        def is_due(self, last_run_at: datetime.datetime) -> Any:
            raise RuntimeError("broken")

    scheduler = Scheduler(app, lazy=True)
    scheduler.add(name="bad", task="t", schedule=Broken())
    scheduler.add(name="a", task="t", schedule=10, last_run_at=_ago(app, 20))

    assert scheduler.tick() == 0
    assert _ready(app) == 1


def test_an_unsendable_entry_says_so(app: KernelQ) -> None:
    scheduler = Scheduler(app, lazy=True)
    entry = scheduler.add(name="a", task="t", schedule=10, args=(object(),))

    with pytest.raises(SchedulingError, match="'a'"):
        scheduler.apply_async(entry)


class Mine(Scheduler):
    """A scheduler of a user's: its entries come from elsewhere."""

    max_interval = 5

    def setup_schedule(self) -> None:
        self.synced = 0
        self.add(name="mine", task="t", schedule=10, last_run_at=_ago(self.app, 20))

    def sync(self) -> None:
        self.synced += 1


def test_a_scheduler_of_ones_own_is_named_by_the_settings(app: KernelQ) -> None:
    app.conf.beat_scheduler = Mine
    service = Service(app)

    assert isinstance(service.scheduler, Mine)
    assert service.scheduler.max_interval == 5
    assert service.scheduler.tick() == 0


def test_a_lazy_scheduler_sets_nothing_up(app: KernelQ) -> None:
    assert Service(app, scheduler_cls=Mine).get_scheduler(lazy=True).schedule == {}


@pytest.mark.parametrize("name", ["celery.beat:PersistentScheduler", "celery.beat.PersistentScheduler", None])
def test_celerys_default_scheduler_is_ours(app: KernelQ, name: str | None) -> None:
    assert isinstance(Service(app, scheduler_cls=name).scheduler, PersistentScheduler)


def test_an_unknown_scheduler_is_refused_with_what_there_is(app: KernelQ) -> None:
    with pytest.raises(ImproperlyConfigured, match="PersistentScheduler"):
        Service(app, scheduler_cls="nowhere:Scheduler")


def test_an_embedded_service_tells_that_it_starts_and_ends_with_a_sync(app: KernelQ) -> None:
    told: list[Any] = []
    started = threading.Event()

    def hear(sender: Any, signal: Any, **_: Any) -> None:
        told.append(signal.name if hasattr(signal, "name") else signal)
        if len(told) == 2:
            started.set()

    beat_init.connect(hear, weak=False)
    beat_embedded_init.connect(hear, weak=False)
    embedded = EmbeddedService(app, thread=True, scheduler_cls=Mine)
    embedded.start()
    assert started.wait(10)
    embedded.stop()

    beat_init.disconnect(hear)
    beat_embedded_init.disconnect(hear)
    assert len(told) == 2
    assert embedded.service.scheduler.synced >= 1


def test_entries_survive_pickling_and_are_compared_by_what_may_be_edited(app: KernelQ) -> None:
    one = ScheduleEntry(name="a", task="t", schedule=10, args=(1,), app=app)
    other = ScheduleEntry(name="b", task="t", schedule=10, args=(1,), app=app)

    assert one.editable_fields_equal(other)
    other.args = (2,)
    assert not one.editable_fields_equal(other)


def test_entries_that_code_no_longer_has_go_and_others_keep_how_far_they_came(app: KernelQ) -> None:
    scheduler = Scheduler(app, lazy=True)
    scheduler.add(name="gone", task="t", schedule=10)
    scheduler.add(name="kept", task="t", schedule=10, total_run_count=7)

    scheduler.merge_inplace({"kept": {"task": "u", "schedule": 20}})

    assert list(scheduler.schedule) == ["kept"]
    assert (scheduler.schedule["kept"].task, scheduler.schedule["kept"].total_run_count) == ("u", 7)


def test_a_pickled_service_has_the_store_of_the_settings(app: KernelQ, tmp_path: Path) -> None:
    app.conf.schedule_store = f"sqlite:///{tmp_path}/kernelq.sqlite3"
    service = Service(app, max_interval=3)

    make, about = service.__reduce__()
    again = make(*about)

    assert again.get_scheduler(lazy=True).url == service.get_scheduler(lazy=True).url == app.conf.schedule_store
    assert again.max_interval == 3


def test_a_beat_is_told_its_level_by_name_and_its_scheduler_as_elsewhere(app: KernelQ) -> None:
    beat = Beat(app, loglevel="info", scheduler_cls=Scheduler)

    assert beat.loglevel == logging.INFO
    assert beat._options["scheduler_cls"] is Scheduler
    with pytest.raises(ImproperlyConfigured, match="expected a log level"):
        Beat(app, loglevel="loud")


@pytest.mark.parametrize("said", ["999999999", "not a number", ""])
def test_the_pid_file_of_a_process_that_is_gone_is_replaced(tmp_path: Path, said: str) -> None:
    path = tmp_path / "beat.pid"
    path.write_text(said)

    with _PidFile(str(path)):
        assert path.read_text() == f"{os.getpid()}\n"
    assert not path.exists()


def test_a_pid_file_that_cannot_be_written_is_an_error_in_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(ImproperlyConfigured, match="cannot write the PID file .*No such file"),
        _PidFile(str(tmp_path / "no" / "pid")),
    ):
        pass
