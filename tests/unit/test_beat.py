"""The scheduler that keeps its schedule in a store, on a clock that the test sets."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from kernelq import KernelQ, chain, chord, group
from kernelq.beat import BeatLazyFunc, Claim, PersistentScheduler, ScheduleEntry, namespace_of, ticks_of
from kernelq.contracts import BrokerUnavailable, Message, Transition
from kernelq.once import lock_store
from kernelq.schedules import crontab, schedule
from kernelq.testing import start_worker
from kernelq_plugins.beat_file.store import FileScheduleStore
from waiting import until

START = 1_790_000_000.0
"""Mon 2026-09-21 14:13:20 UTC."""


class Clock:
    """A time that stands until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class Bench:
    """An app with a memory broker, a file store, and a clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.app = KernelQ("proj", broker="memory://", set_as_current=False)
        self.app.conf.beat_schedule_filename = str(folder / "schedule")
        self.app.task(name="t", ignore_result=True)(lambda *args, **kwargs: None)

    def scheduler(self, entries: Mapping[str, Any] | None = None, **options: Any) -> PersistentScheduler:
        """A beat of the app; only one lives at a time."""
        if entries is not None:
            self.app.conf.beat_schedule = dict(entries)
        made = PersistentScheduler(self.app, now=self.clock, clock=self.clock, **options)
        assert made.tick() > 0
        return made

    def run(self, scheduler: PersistentScheduler, seconds: float) -> list[Message]:
        """Let time go by, waking when the scheduler wants; what it sent meanwhile."""
        end = self.clock.now + seconds
        while True:
            wait = scheduler.tick()
            if wait == 0:
                continue
            if self.clock.now + wait > end:
                self.clock.now = end
                while scheduler.tick() == 0:
                    pass
                return self.sent()
            self.clock.now += wait

    def sent(self) -> list[Message]:
        """What is in the queue, taken out of it."""
        consumer = self.app.broker.consumer(["default"], id="c", lease=60)
        found: list[Message] = []
        while deliveries := consumer.fetch(100, 0):
            found += [delivery.message for delivery in deliveries if isinstance(delivery.message, Message)]
            consumer.settle([Transition(delivery=delivery) for delivery in deliveries])
        consumer.close()
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    with bench.app:
        yield bench


def _every(seconds: float, **more: Any) -> dict[str, Any]:
    return {"e": {"task": "t", "schedule": seconds, **more}}


# --- when


def test_an_interval_first_runs_one_interval_after_the_start(bench: Bench) -> None:
    beat = bench.scheduler(_every(10))

    assert bench.run(beat, 9.9) == []
    assert len(bench.run(beat, 0.2)) == 1


def test_an_interval_does_not_drift(bench: Bench) -> None:
    beat = bench.scheduler(_every(10))

    bench.clock.now += 13
    bench.run(beat, 0)

    assert len(bench.run(beat, 6.9)) == 0
    assert len(bench.run(beat, 0.2)) == 1


def test_an_occurrence_has_the_same_id_whoever_sends_it(bench: Bench) -> None:
    [first] = bench.run(bench.scheduler(_every(10)), 10)
    (bench.folder / "schedule").unlink()
    bench.app.close()
    bench.clock.now = START

    [again] = bench.run(bench.scheduler(_every(10)), 10)

    assert first.id == again.id


def test_apps_of_two_names_that_share_a_broker_send_occurrences_of_their_own(bench: Bench, tmp_path: Path) -> None:
    entries = {"e": {"task": "t", "schedule": 10}}
    mine = bench.scheduler(entries)
    ids = {message.id for message in bench.run(mine, 10)}
    bench.clock.now -= 10
    bench.app.main, bench.app.conf.beat_schedule_filename = "shop", str(tmp_path / "other")

    theirs = {message.id for message in bench.run(bench.scheduler(entries), 10)}

    assert len(ids) == len(theirs) == 1
    assert ids != theirs


@pytest.mark.parametrize(
    ("main", "chosen", "expected"), [("shop", None, "shop"), ("shop", "a", "a"), ("shop", "", ""), (None, None, "")]
)
def test_the_namespace_of_an_app_is_its_name_unless_a_setting_says_otherwise(
    main: str | None, chosen: str | None, expected: str
) -> None:
    app = KernelQ(main, broker="memory://", set_as_current=False, beat_namespace=chosen)

    assert namespace_of(app) == expected


def test_a_message_says_that_beat_sent_it_and_for_which_entry(bench: Bench) -> None:
    [message] = bench.run(bench.scheduler(_every(10, options={"headers": {"mine": 1}, "priority": 3})), 10)

    assert message.headers == {"mine": 1, "celery_beat_task": True, "periodic_task_name": "e"}
    assert message.priority == 3


def test_lazy_arguments_are_computed_when_they_are_sent(bench: Bench) -> None:
    [first, second] = bench.run(bench.scheduler(_every(10, args=[BeatLazyFunc(bench.clock)])), 20)

    assert first.body != second.body


def test_a_crontab_runs_in_the_zone_of_its_entry(bench: Bench) -> None:
    beat = bench.scheduler({"e": {"task": "t", "schedule": crontab(minute=15, hour=16), "zone": "Europe/Berlin"}})

    assert len(bench.run(beat, 110)) == 1  # 14:15 UTC


def test_a_disabled_entry_is_not_sent(bench: Bench) -> None:
    assert bench.run(bench.scheduler(_every(10, enabled=False)), 60) == []


# --- what was missed


@pytest.mark.parametrize(("catch_up", "expected"), [("one", 1), ("skip", 0), ("all", 10)])
def test_what_is_sent_of_occurrences_missed_while_no_beat_ran(bench: Bench, catch_up: str, expected: int) -> None:
    bench.scheduler(_every(100, catch_up=catch_up)).close()
    bench.clock.now += 1090

    beat = _begun(bench)

    assert len(bench.run(beat, 0)) == expected
    assert len(bench.run(beat, 10)) == 1


def test_what_was_just_missed_is_sent_though_missed_ones_are_skipped(bench: Bench) -> None:
    bench.scheduler(_every(100, catch_up="skip")).close()
    bench.clock.now += 120

    assert len(bench.run(_begun(bench), 0)) == 1


def test_a_missed_crontab_older_than_the_deadline_is_not_sent(bench: Bench) -> None:
    bench.app.conf.beat_cron_starting_deadline = 60
    bench.scheduler({"e": {"task": "t", "schedule": crontab(minute=15)}}).close()
    bench.clock.now += 200

    assert bench.run(_begun(bench), 0) == []


def test_an_entry_that_is_not_started_anew_goes_on_where_it_was(bench: Bench) -> None:
    bench.scheduler(_every(100)).close()
    bench.clock.now += 60

    assert len(bench.run(_begun(bench), 40)) == 1


def test_a_change_of_the_zone_needs_no_reset(bench: Bench) -> None:
    beat = bench.scheduler(_every(100))
    bench.run(beat, 100)
    beat.close()
    bench.app.conf.timezone = "Asia/Tokyo"

    beat = _begun(bench)

    assert bench.run(beat, 99) == []
    assert len(bench.run(beat, 1)) == 1


# --- one bad entry


class Broken(schedule):
    """Cannot tell when it is due."""

    def is_due(self, last_run_at: datetime.datetime) -> Any:
        raise RuntimeError("broken")


def test_an_entry_that_cannot_tell_when_it_is_due_stops_no_other(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    beat = bench.scheduler({**_every(10), "bad": {"task": "t", "schedule": Broken(1)}})

    assert len(bench.run(beat, 20)) == 2
    assert "bad cannot be sent" in caplog.text


def test_an_entry_that_cannot_be_serialised_is_tried_again_and_stops_no_other(bench: Bench) -> None:
    args: list[Any] = [object()]
    beat = bench.scheduler({**_every(10), "bad": {"task": "t", "schedule": 10, "args": args}}, max_interval=25)

    assert len(bench.run(beat, 10)) == 1
    args[0] = 1
    assert len(bench.run(beat, 25)) == 2 + 1


def test_an_entry_that_says_something_unknown_is_left_out_and_stops_no_other(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    beat = bench.scheduler({**_every(10), "bad": {"task": "t", "schedule": 1, "tsak": "t"}})

    assert len(bench.run(beat, 10)) == 1
    assert "unknown tsak" in caplog.text


def test_a_broker_that_is_away_delays_and_loses_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    beat = bench.scheduler(_every(10))
    broker = bench.app.broker
    publish: Callable[[Any], None] = broker.publish

    def away(messages: Any) -> None:
        raise BrokerUnavailable("away")

    monkeypatch.setattr(broker, "publish", away)
    bench.run(beat, 12)
    monkeypatch.setattr(broker, "publish", publish)

    assert len(bench.run(beat, 3)) == 1


# --- schedules that are asked


class Odd(schedule):
    """Is due when somebody says so."""

    is_ready = False

    def is_due(self, last_run_at: datetime.datetime) -> Any:
        return self.is_ready, 5.0


def test_a_schedule_with_an_is_due_of_its_own_is_asked(bench: Bench) -> None:
    odd = Odd(1)
    beat = bench.scheduler({"e": {"task": "t", "schedule": odd}})

    assert bench.run(beat, 60) == []
    odd.is_ready = True
    assert len(bench.run(beat, 5)) >= 1


# --- two beats, two origins


def test_a_second_beat_on_the_same_file_sends_nothing_until_the_first_ends(bench: Bench) -> None:
    first = bench.scheduler(_every(10))
    own = FileScheduleStore(bench.app, first.url)
    second = PersistentScheduler(bench.app, now=bench.clock, clock=bench.clock, store=own)

    assert bench.run(second, 30) == []
    first.close()
    assert len(bench.run(second, 10)) >= 1
    own.close()


def test_entries_of_code_and_store_with_one_name_are_both_sent_and_that_is_said_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    beat = bench.scheduler(_every(10))
    beat.store.put("e", {"task": "t", "schedule": {"kind": "schedule", "every": 10}}, is_new=True)

    bench.run(beat, 30)
    messages = bench.run(beat, 10)

    assert len(messages) == 2
    assert len({message.id for message in messages}) == 2
    assert caplog.text.count("there are two entries 'e'") == 1


def test_an_entry_added_to_the_store_is_sent_without_a_restart(bench: Bench) -> None:
    beat = bench.scheduler({})
    beat.store.put("new", {"task": "t", "schedule": {"kind": "schedule", "every": 10}}, is_new=True)

    assert len(bench.run(beat, 12.5)) == 1


def test_an_entry_added_by_code_is_sent_without_a_restart(bench: Bench) -> None:
    beat = bench.scheduler({})
    bench.app.add_periodic_task(10, bench.app.tasks["t"], name="new")

    assert len(bench.run(beat, 12.5)) == 1


def test_a_paused_entry_is_not_sent_and_a_resumed_one_makes_up_for_nothing(bench: Bench) -> None:
    beat = bench.scheduler(_every(10, catch_up="all"))
    beat.store.pause("code:e", True, now=bench.clock())
    assert bench.run(beat, 60) == []

    beat.store.pause("code:e", False, now=bench.clock())

    assert len(bench.run(beat, 12)) == 1


# --- overlap


def test_an_occurrence_is_left_out_while_the_task_of_the_last_one_has_not_ended(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/kernelq.sqlite3"
    bench = Bench(tmp_path)
    bench.app = KernelQ("proj", broker=url, set_as_current=False)
    bench.app.task(name="t", ignore_result=True)(lambda: None)
    bench.app.conf.schedule_store = url
    with bench.app:
        beat = bench.scheduler(_every(10, overlap="skip"))
        broker = bench.app.broker
        _tick_until(bench, beat, 30)
        assert [queue.ready for queue in broker.queues()] == [1]

        with start_worker(bench.app):
            until(lambda: not beat.store.board().open, "the end of the task")
        _tick_until(bench, beat, 10)

        assert [queue.ready for queue in broker.queues()] == [1]
        beat.close()


def test_overlap_cannot_be_seen_without_results_or_a_shared_store_and_that_is_said(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(bench.run(bench.scheduler(_every(10, overlap="skip")), 30)) == 3
    assert caplog.text.count("has no effect") == 1


# --- recovery


def test_what_a_leader_claimed_and_did_not_send_is_sent_by_the_next_one_under_its_id(bench: Bench) -> None:
    beat = bench.scheduler(_every(10))
    [message] = bench.run(beat, 10)
    fence = beat.store.lead(beat.holder, 1.0)
    assert fence is not None
    lost = Message(id="lost", task="t", body=message.body)
    beat.store.claim(Claim(key="code:e", seen=START + 10, last=START + 20, message=lost), fence=fence)
    beat.close()

    assert [one.id for one in bench.run(_begun(bench), 0)] == ["lost"]
    assert beat.store.board().open == []


# --- entries


def test_add_periodic_task_returns_the_name_of_its_entry(bench: Bench) -> None:
    task = bench.app.tasks["t"]

    assert bench.app.add_periodic_task(10, task.s(1), name="mine", queue="mail") == "mine"
    assert bench.app.add_periodic_task(10, task.s(1)) == repr(task.s(1))


def test_options_of_add_periodic_task_are_options_of_the_call(bench: Bench) -> None:
    bench.app.add_periodic_task(10, bench.app.tasks["t"].s(1).set(priority=2), name="mine", expires=10)

    [message] = bench.run(bench.scheduler({}), 10)

    assert (message.priority, message.expires is not None) == (2, True)


def test_add_periodic_task_says_of_the_entry_what_the_setting_may(bench: Bench) -> None:
    bench.app.add_periodic_task(100, bench.app.tasks["t"], name="mine", catch_up="all")
    bench.scheduler({}).close()
    bench.clock.now += 350

    assert len(bench.run(_begun(bench), 0)) == 3


def test_of_many_missed_occurrences_the_latest_thousand_are_sent_and_that_is_said(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.app.conf.beat_lease = 1e9
    bench.scheduler({"e": {"task": "t", "schedule": crontab(), "catch_up": "all"}}).close()
    bench.clock.now += 3 * 86_400

    assert len(bench.run(_begun(bench), 0)) == 1000
    assert "3320 missed occurrences are left out" in caplog.text


def test_an_interval_that_was_missed_for_a_year_keeps_its_beat(bench: Bench) -> None:
    bench.scheduler(_every(1)).close()
    bench.clock.now += 365 * 86_400 + 0.5

    beat = _begun(bench)

    assert len(bench.run(beat, 0)) == 1
    assert bench.run(beat, 0.4) == []
    assert len(bench.run(beat, 0.2)) == 1


def test_an_entry_says_what_others_know_of_it(bench: Bench) -> None:
    entry = ScheduleEntry(name="e", task="t", schedule=10, args=(1,), app=bench.app)

    assert dict(entry).keys() == {
        "name", "task", "last_run_at", "total_run_count", "schedule", "args", "kwargs", "options",
    }  # fmt: skip
    assert next(entry).total_run_count == 1
    is_due, wait = entry.is_due()
    assert (is_due, wait) == (False, pytest.approx(10, abs=1))


def test_the_file_is_json_and_somebody_elses_is_set_aside(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    path = bench.folder / "schedule"
    path.write_bytes(b"\x13\x57\x9a\xce shelve")

    bench.scheduler(_every(10))

    assert path.with_name("schedule.old").exists()
    assert b'"code:e"' in path.read_bytes()


def test_the_scheduler_shows_how_far_entries_have_come(bench: Bench) -> None:
    beat = bench.scheduler(_every(10))
    bench.run(beat, 20)

    entry = beat.schedule["e"]

    assert entry.total_run_count == 2
    assert ticks_of(entry.last_run_at.timestamp()) == ticks_of(START + 20)


def _begun(bench: Bench) -> PersistentScheduler:
    """A beat that was not ticked yet."""
    return PersistentScheduler(bench.app, now=bench.clock, clock=bench.clock)


def _tick_until(bench: Bench, beat: PersistentScheduler, seconds: float) -> None:
    end = bench.clock.now + seconds
    while bench.clock.now < end:
        bench.clock.now = min(end, bench.clock.now + (beat.tick() or 0))
    while beat.tick() == 0:
        pass


def test_a_workflow_is_refused_as_a_periodic_task(bench: Bench) -> None:
    task = bench.app.tasks["t"]

    for canvas in (group(task.s(), task.s()), chain(task.s(), task.s()), chord([task.s()], task.s())):
        with pytest.raises(TypeError, match="is several tasks, expected one as a periodic task"):
            bench.app.add_periodic_task(10, canvas)


def test_an_entry_of_a_task_that_is_queued_once_may_say_once(bench: Bench) -> None:
    task = bench.app.task(name="o", once={"keys": []})(lambda: None)

    sent = bench.run(bench.scheduler({"e": {"task": "o", "schedule": 10, "options": {"once": {"timeout": 60}}}}), 10)

    assert [message.task for message in sent] == ["o"]
    assert lock_store(bench.app).holders([task.get_key()])[task.get_key()].remaining <= 60
