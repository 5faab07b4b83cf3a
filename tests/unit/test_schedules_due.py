"""When a schedule says that a task is due."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from kernelq import KernelQ, crontab, schedule
from kernelq.schedules import BaseSchedule, from_plain, maybe_schedule, schedstate

NOON = datetime.datetime(2025, 7, 1, 12, tzinfo=datetime.UTC)


def at(hour: int, minute: int = 0, second: int = 0) -> datetime.datetime:
    return NOON.replace(hour=hour, minute=minute, second=second)


def stopped(moment: datetime.datetime = NOON) -> Callable[[], datetime.datetime]:
    """A clock that stands."""
    return lambda: moment


# --- crontabs ----------------------------------------------------------------------------------------


def test_a_crontab_is_due_when_an_occurrence_has_come_since_the_last_run(app: KernelQ) -> None:
    hourly = crontab(0, app=app, nowfun=stopped(at(12, 0, 10)))

    assert hourly.is_due(at(11, 30)) == (True, 3590)
    assert hourly.is_due(at(12)) == (False, 3590)


def test_the_answer_is_a_pair_with_names(app: KernelQ) -> None:
    state = crontab(0, app=app, nowfun=stopped()).is_due(at(11, 30))

    assert state == schedstate(True, 3600) == (True, 3600.0)
    assert (state.is_due, state.next) == tuple(state)


def test_however_many_were_missed_it_is_due_once(app: KernelQ) -> None:
    minutely = crontab(app=app, nowfun=stopped())

    assert minutely.is_due(NOON - datetime.timedelta(days=400)) == (True, 60)
    assert minutely.is_due(NOON) == (False, 60)


def test_the_time_that_remains_is_negative_when_overdue(app: KernelQ) -> None:
    hourly = crontab(0, app=app, nowfun=stopped())

    assert hourly.remaining_estimate(NOON) == datetime.timedelta(hours=1)
    assert hourly.remaining_estimate(at(9, 30)) == datetime.timedelta(hours=-2)


def test_naive_datetimes_are_utc(app: KernelQ) -> None:
    app.conf.timezone = "Asia/Tokyo"
    hourly = crontab(0, app=app, nowfun=stopped(at(12, 0, 10).replace(tzinfo=None)))

    assert hourly.is_due(at(11, 30).replace(tzinfo=None)) == (True, 3590)
    assert hourly.now() == at(12, 0, 10)
    assert hourly.now().tzinfo == ZoneInfo("Asia/Tokyo")


def test_a_datetime_is_made_aware_in_the_zone_if_that_is_wished(app: KernelQ) -> None:
    tokyo = crontab(tz="Asia/Tokyo", app=app)
    naive = datetime.datetime(2025, 7, 1, 12)

    assert tokyo.maybe_make_aware(naive) == NOON
    assert tokyo.maybe_make_aware(naive, naive_as_utc=False) == NOON - datetime.timedelta(hours=9)


def test_without_a_clock_of_its_own_the_apps_counts(app: KernelQ, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(app), "now", lambda self: NOON)

    assert crontab(0, app=app).is_due(at(11, 30)) == (True, 3600)


@pytest.mark.parametrize(("deadline", "is_due"), [(None, True), (3600, True), (599, False), (600, True)])
def test_an_occurrence_that_is_overdue_by_too_much_is_let_go(
    deadline: float | None, is_due: bool, app: KernelQ, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kernelq_plugins.schedules.crontab._deadline", lambda app: deadline)
    hourly = crontab(0, app=app, nowfun=stopped(at(12, 10)))

    assert hourly.is_due(at(9, 30)) == (is_due, 3000)


def test_a_recent_occurrence_counts_though_older_ones_are_let_go(app: KernelQ) -> None:
    app.conf.beat_cron_starting_deadline = 60
    minutely = crontab(app=app, nowfun=stopped())

    assert minutely.is_due(NOON - datetime.timedelta(days=3)).is_due


# --- made of what users give -------------------------------------------------------------------------


@pytest.mark.parametrize("given", [30, 30.0, datetime.timedelta(seconds=30)])
def test_numbers_and_timedeltas_become_intervals(given: Any, app: KernelQ) -> None:
    made = maybe_schedule(given, relative=True, app=app)

    assert made == schedule(30, relative=True)
    assert made.app is app


def test_a_schedule_stays_itself_and_gets_the_app(app: KernelQ) -> None:
    given = crontab(0)

    assert maybe_schedule(given, app=app) is given
    assert given.app is app
    assert maybe_schedule(None) is None


def test_any_object_that_knows_when_it_is_due_is_a_schedule(app: KernelQ) -> None:
    class Always:
        def is_due(self, last_run_at: datetime.datetime) -> tuple[bool, float]:
            return True, 5

    given = Always()

    assert maybe_schedule(given, app=app) is given


@pytest.mark.parametrize("given", ["* * * * *", True, object(), b"30"])
def test_anything_else_is_no_schedule(given: Any) -> None:
    with pytest.raises(TypeError, match="expected a number of seconds, a timedelta or a schedule, got"):
        maybe_schedule(given)


# --- schedules of one's own --------------------------------------------------------------------------


class EveryDayOfPay(BaseSchedule):
    """Has the instant only."""

    kind = "pay"

    def next_after(self, instant: float) -> float | None:
        return None if instant >= 1000 else 1000

    def plain(self) -> dict[str, Any]:
        return {"kind": self.kind}

    @classmethod
    def from_plain(cls, data: Any, app: KernelQ | None = None) -> EveryDayOfPay:
        return cls(app=app)


class Old(BaseSchedule):
    """As it was written for Celery: has `is_due` only."""

    def is_due(self, last_run_at: datetime.datetime) -> schedstate:
        passed = (self.now() - self.maybe_make_aware(last_run_at)).total_seconds()
        return schedstate(passed >= 10, max(0, 10 - passed) or 10)


def test_a_schedule_that_never_comes_again_is_never_due(app: KernelQ) -> None:
    over = EveryDayOfPay(app=app, nowfun=stopped())

    assert over.is_due(NOON) == (False, math.inf)
    assert over.is_due(datetime.datetime.fromtimestamp(0, datetime.UTC)) == (True, math.inf)
    assert over.remaining_estimate(NOON) == datetime.timedelta.max


def test_a_schedule_that_only_knows_is_due_is_asked_as_of_the_instant(app: KernelQ) -> None:
    old = Old(app=app, nowfun=stopped())

    assert old.next_after(1000.0) == 1010.0
    assert old.now() == NOON


class Weekdays(schedule):
    """As it was written for Celery: changes what it inherits."""

    def is_due(self, last_run_at: datetime.datetime) -> schedstate:
        return schedstate(False, 600) if self.now().isoweekday() > 5 else super().is_due(last_run_at)


class Later(schedule):
    """Likewise, by the time that remains."""

    def remaining_estimate(self, last_run_at: datetime.datetime) -> datetime.timedelta:
        return super().remaining_estimate(last_run_at) + datetime.timedelta(seconds=5)


def test_what_a_subclass_says_of_being_due_decides_its_next_occurrence(app: KernelQ) -> None:
    made = Weekdays(3600, app=app)
    friday = datetime.datetime(2025, 7, 4, 23, 30, tzinfo=datetime.UTC)

    found = made.next_after(friday.timestamp())

    assert found is not None
    assert datetime.datetime.fromtimestamp(found, datetime.UTC).isoformat() == "2025-07-07T00:00:00+00:00"
    assert made.nowfun is None


def test_what_a_subclass_says_of_the_time_that_remains_counts_too(app: KernelQ) -> None:
    made = Later(10, app=app, nowfun=stopped(at(12, 0, 12)))

    assert made.next_after(1000.0) == 1015.0
    assert made.is_due(at(12)) == (False, 3)


def test_a_schedule_tells_whether_it_can_be_foreseen() -> None:
    class Native(Old):
        def next_after(self, instant: float) -> float:
            return instant + 1

    foreseen = {kind: kind.is_predictable for kind in (crontab, schedule, EveryDayOfPay, Old, Weekdays, Later, Native)}

    assert [kind for kind, can in foreseen.items() if not can] == [Old, Weekdays, Later]
    assert Native().next_after(5) == 6


def test_a_schedule_that_is_never_due_is_not_asked_for_ever(app: KernelQ) -> None:
    class Never(BaseSchedule):
        def is_due(self, last_run_at: datetime.datetime) -> schedstate:
            return schedstate(False, 5)

    assert Never(app=app).next_after(0) == 5000


def test_a_schedule_that_knows_nothing_says_what_it_lacks(app: KernelQ) -> None:
    class Nothing(BaseSchedule):
        pass

    with pytest.raises(NotImplementedError, match="Nothing needs next_after"):
        Nothing(app=app).is_due(NOON)


def test_a_schedule_of_ones_own_is_stored_by_its_kind(app: KernelQ) -> None:
    made = from_plain(EveryDayOfPay().plain(), app)

    assert type(made) is EveryDayOfPay
    assert made.app is app


def test_a_schedule_that_cannot_be_written_down_says_so() -> None:
    with pytest.raises(TypeError, match=r"Old cannot be kept in a store: give the class plain\(\)"):
        Old().plain()
    with pytest.raises(TypeError, match=r"Old cannot be read from a store"):
        from_plain({"kind": Old.kind})


@pytest.mark.parametrize("data", [{}, {"kind": "lunar"}, {"kind": "os.system"}])
def test_an_unknown_kind_is_refused_and_imports_nothing(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no schedule of kind .*known: crontab, .*import the module of its class"):
        from_plain(data)


def test_a_stored_schedule_that_lacks_something_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 'every' in a schedule of kind 'schedule'"):
        from_plain({"kind": "schedule"})


def test_a_relative_interval_that_is_due_is_asked_again_at_its_next_rounded_instant(app: KernelQ) -> None:
    hourly = schedule(3600, relative=True, nowfun=stopped(at(12, 20)), app=app)

    assert hourly.is_due(at(10, 5)) == (True, 40 * 60)
