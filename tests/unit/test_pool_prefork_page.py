"""The prefork pool without processes: what a page holds, which limit is due, when a child retires."""

from __future__ import annotations

from math import inf, nextafter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernelq.contracts import Delivery, Message
from kernelq_plugins.pool_prefork.deadlines import LOOK_EVERY, Deadlines, Due
from kernelq_plugins.pool_prefork.fates import describe_end
from kernelq_plugins.pool_prefork.memory import resident_kib
from kernelq_plugins.pool_prefork.page import KEY_BYTES, NAME_BYTES, Farewell, Page, Run
from kernelq_plugins.pool_prefork.tracker import PageTracker

limits = st.none() | st.floats(min_value=0.001, max_value=1e9)


def run_of(*, number: int = 1, soft: float | None = None, hard: float | None = None) -> Run:
    return Run(number=number, started_at=100.0, soft=soft, hard=hard, key="id", task="proj.add", acked=False)


class Bell:
    """Counts how often it was rung."""

    def __init__(self) -> None:
        self.rings = 0

    def ring(self) -> None:
        self.rings += 1


@pytest.fixture
def page():
    page = Page()
    yield page
    page.close()


@pytest.fixture
def make_tracker(page):
    def make(**limits):
        retired = []
        options = {"max_tasks": None, "max_memory": None, **limits}
        bell = Bell()
        return PageTracker(page, bell, retire=retired.append, now=lambda: 7.0, **options), bell, retired

    return make


def delivery(task_id: str = "id", **fields) -> Delivery:
    return Delivery(message=Message(id=task_id, task="proj.add", body=b"", **fields), queue="default")


# --- the page


def test_a_new_page_says_nothing(page):
    assert page.run() is None
    assert not page.has_run
    assert not page.is_ready
    assert page.farewell is Farewell.NONE
    assert page.target == 0


@given(
    key=st.text(max_size=KEY_BYTES // 4),
    task=st.text(max_size=NAME_BYTES // 4),
    started_at=st.floats(min_value=0, max_value=1e9),
    soft=limits,
    hard=limits,
    acked=st.booleans(),
    runs_before=st.integers(0, 3),
)
def test_what_begins_is_read_back_as_it_was_written(key, task, started_at, soft, hard, acked, runs_before):
    page = Page()
    for _ in range(runs_before):
        page.begin("earlier" * 20, "proj.earlier" * 9, 1.0, 9.0, 9.0, acked=not acked)
        page.end()

    page.begin(key, task, started_at, soft, hard, acked=acked)

    assert page.run() == Run(
        number=runs_before + 1, started_at=started_at, soft=soft, hard=hard, key=key, task=task, acked=acked
    )
    page.close()


def test_a_run_that_ended_is_not_running_but_was_there(page):
    page.begin("id", "proj.add", 1.0, None, None, acked=False)

    page.end()

    assert page.run() is None
    assert page.has_run


def test_a_record_whose_head_and_tail_differ_is_not_believed(page):
    page.begin("id", "proj.add", 1.0, None, 5.0, acked=False)

    page._memory[0] = 2  # the head of the next run, of which nothing else is written yet

    assert page.run() is None


@given(st.integers(min_value=1, max_value=1400))
def test_a_record_cleared_halfway_is_not_believed(length):
    page = Page()
    page.begin("id", "proj.add", 1.0, None, 5.0, acked=False)

    cleared = min(length, len(page._memory))
    page._memory[:cleared] = bytes(cleared)

    assert page.run() is None
    page.close()


def test_a_key_too_long_is_cut_and_harms_nothing_else(page):
    page.begin("k" * (KEY_BYTES + 50), "t" * (NAME_BYTES + 50), 1.0, 2.0, 3.0, acked=True)

    run = page.run()

    assert run is not None
    assert (run.key, run.task, run.hard) == ("k" * KEY_BYTES, "t" * NAME_BYTES, 3.0)


def test_the_other_fields_survive_the_next_run(page):
    page.set_ready()
    page.aim(3)
    page.say_farewell(Farewell.MEMORY)

    page.begin("id", "proj.add", 1.0, 2.0, 3.0, acked=True)
    page.end()

    assert (page.is_ready, page.target, page.farewell) == (True, 3, Farewell.MEMORY)


# --- deadlines


def test_a_soft_limit_is_due_once_per_run():
    deadlines = Deadlines()
    run = run_of(soft=5, hard=10)

    assert deadlines.judge(run, 104.9) is Due.NOTHING
    assert deadlines.judge(run, 105.0) is Due.SOFT
    assert deadlines.judge(run, 105.1) is Due.NOTHING
    assert deadlines.judge(run_of(number=2, soft=5), 105.2) is Due.SOFT


def test_the_soft_limit_comes_first_when_both_have_passed():
    deadlines = Deadlines()
    run = run_of(soft=5, hard=6)

    assert [deadlines.judge(run, 200.0), deadlines.judge(run, 200.0)] == [Due.SOFT, Due.HARD]


def test_an_idle_child_has_no_deadline():
    deadlines = Deadlines()

    assert deadlines.judge(None, 1e9) is Due.NOTHING
    assert deadlines.next(None) == inf


@given(soft=limits, hard=limits)
def test_each_limit_is_due_at_the_instant_foretold_and_not_before(soft, hard):
    deadlines = Deadlines()
    run = run_of(soft=soft, hard=hard)
    given = []

    while (instant := deadlines.next(run)) != inf and Due.HARD not in given:
        assert deadlines.judge(run, nextafter(instant, 0)) is Due.NOTHING
        given.append(deadlines.judge(run, instant))

    assert Due.NOTHING not in given
    assert (Due.HARD in given) == (hard is not None)
    assert Due.SOFT not in given or soft is not None


# --- the tracker


def test_what_a_lane_starts_stands_on_the_page_with_its_key(make_tracker, page):
    tracker, _, _ = make_tracker()

    tracker.started(delivery("id", retries=2), 4.0, 8.0, acked=True)

    assert page.run() == Run(number=1, started_at=7.0, soft=4.0, hard=8.0, key="id:0:2", task="proj.add", acked=True)


def test_only_a_limit_shorter_than_the_regular_look_rings(make_tracker):
    tracker, bell, _ = make_tracker()

    tracker.started(delivery(), None, None, acked=False)
    tracker.started(delivery(), LOOK_EVERY, LOOK_EVERY * 2, acked=False)
    assert bell.rings == 0

    tracker.started(delivery(), None, LOOK_EVERY / 2, acked=False)
    assert bell.rings == 1


def test_a_child_retires_after_exactly_so_many_tasks(make_tracker):
    tracker, _, retired = make_tracker(max_tasks=2)

    for _ in range(2):
        assert retired == []
        tracker.started(delivery(), None, None, acked=False)
        tracker.finished()

    assert retired == [Farewell.TASKS]


def test_a_child_retires_once_it_is_too_large(make_tracker):
    small, _, never = make_tracker(max_memory=resident_kib() * 100)
    large, _, retired = make_tracker(max_memory=resident_kib() // 100)

    small.settled(1)
    large.settled(1)

    assert never == []
    assert retired == [Farewell.MEMORY]


# --- words


@pytest.mark.parametrize(
    ("code", "words"), [(3, "exit code 3"), (0, "exit code 0"), (-9, "signal 9 (SIGKILL)"), (-40, "signal 40")]
)
def test_an_end_is_described_in_words(code, words):
    assert describe_end(code) == words
