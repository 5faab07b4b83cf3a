"""The history checker sees what is planted, and nothing in a run as it should be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from faults.history import Absence, Answer, Call, End, History, Wrong
from faults.runs import Run
from hypothesis import given
from hypothesis import strategies as st

SECOND = 1_000_000_000
GRACE = 1.0


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Runs as they should be: tasks one after the other on a few processes, some killed in a run, some retried."""
    history = History(grace=GRACE)
    runs, ends, clock = {}, {}, 0
    for n in range(draw(st.integers(1, 8))):
        task_id, retries, done = f"task{n}", draw(st.integers(0, 2)), []
        for retry in range(retries + 1):
            for _ in range(draw(st.integers(0, 2))):  # killed in the middle
                pid = 1000 + clock
                done.append(Run(pid, clock, retries=retry))
                history.deaths[pid] = clock + 5
                clock += 10
            how = "end" if retry == retries else "raise"
            done.append(Run(draw(st.integers(1, 3)), clock, clock + 8, retry, how))
            clock += 10
        runs[task_id] = done
        ends[task_id] = End("SUCCESS", ran=(done[-1].pid, done[-1].started))
        history.calls[task_id] = Call(task_id, Answer.ACCEPTED)
    history.runs, history.ends = runs, ends
    return history


def found(history: History) -> set[Wrong]:
    return {violation.wrong for violation in history.violations()}


@given(histories())
def test_a_run_as_it_should_be_has_no_violation(history):
    assert history.violations() == []


@given(histories(), st.data())
def test_a_planted_loss_is_seen(history, data):
    victim = data.draw(st.sampled_from(sorted(history.calls)))
    del history.ends[victim]

    assert [(each.wrong, each.id) for each in history.violations()] == [(Wrong.LOST, victim)]
    history.left = 1
    assert found(history) == {Wrong.STUCK}


@given(histories(), st.data())
def test_a_planted_second_run_is_seen(history, data):
    victim = data.draw(st.sampled_from(sorted(history.calls)))
    last = history.runs[victim][-1]
    again = Run(last.pid, last.ended + 1, last.ended + 2, last.retries, "end")
    history.runs[victim] = [*history.runs[victim], again]

    assert found(history) == {Wrong.DOUBLED}


@given(histories(), st.data())
def test_a_planted_overlap_is_seen(history, data):
    victim = data.draw(st.sampled_from(sorted(history.calls)))
    last = history.runs[victim][-1]
    ghost = Run(77, last.started - 1, last.started + 1, last.retries, "end")
    history.runs[victim] = sorted([*history.runs[victim], ghost], key=lambda run: run.started)

    assert Wrong.OVERLAPPED in found(history)


def one(*runs: Run, answer: Answer = Answer.ACCEPTED, **more) -> History:
    """A history of one task; its last finished run is the one kept."""
    kept = [run for run in runs if run.how == "end"]
    ends = {"t": End("SUCCESS", ran=(kept[-1].pid, kept[-1].started))} if kept else {}
    history = History(grace=GRACE, calls={"t": Call("t", answer)}, runs={"t": runs}, ends=ends)
    for name, value in more.items():
        setattr(history, name, value)
    return history


FROZEN = Run(1, 0, 9 * SECOND, how="end")
OTHER = Run(2, 3 * SECOND, 4 * SECOND, how="end")


@pytest.mark.parametrize(
    ("absence", "wrong"),
    [
        (Absence(1, SECOND, 8 * SECOND), set()),
        (Absence(None, SECOND, 8 * SECOND), set()),
        (Absence(2, SECOND, 8 * SECOND), {Wrong.OVERLAPPED}),
        (Absence(1, SECOND, int(1.5 * SECOND)), {Wrong.OVERLAPPED}),
        (Absence(1, 5 * SECOND, 8 * SECOND), {Wrong.OVERLAPPED}),
    ],
    ids=["frozen", "everybody cut off", "another process", "shorter than the lease", "only later"],
)
def test_only_a_lost_lease_excuses_an_overlap(absence, wrong):
    history = one(FROZEN, OTHER, absences=[absence])

    assert found(history) == wrong


def test_the_outcome_of_a_frozen_run_must_not_be_the_one_kept():
    history = one(FROZEN, OTHER, absences=[Absence(1, SECOND, 8 * SECOND)])
    history.ends = {"t": End("SUCCESS", ran=(FROZEN.pid, FROZEN.started))}

    assert found(history) == {Wrong.STALE}


def test_an_outcome_that_no_run_made_is_seen():
    history = one(OTHER)
    history.ends = {"t": End("SUCCESS", ran=(3, 3))}

    assert found(history) == {Wrong.UNEXPECTED}


def test_two_terminal_states_are_seen():
    assert found(one(OTHER, seen={"t": {"FAILURE"}})) == {Wrong.CONTRADICTED}
    assert found(one(OTHER, dead={"t": "crashed"})) == {Wrong.CONTRADICTED}


def test_a_call_without_an_answer_may_have_run_or_not_but_not_half():
    assert found(one(answer=Answer.UNKNOWN)) == set()
    assert found(one(OTHER, answer=Answer.UNKNOWN)) == set()
    assert found(one(Run(1, 1), answer=Answer.UNKNOWN)) == {Wrong.LOST}


def test_what_was_refused_or_never_called_must_not_run():
    assert found(one(OTHER, answer=Answer.REFUSED)) == {Wrong.UNEXPECTED}
    assert found(one(OTHER, calls={})) == {Wrong.UNEXPECTED}


def test_a_run_before_its_time_is_seen():
    assert found(one(OTHER, calls={"t": Call("t", Answer.ACCEPTED, due=OTHER.started + 1)})) == {Wrong.EARLY}


def test_a_wrong_end_is_seen_unless_killings_gave_the_task_up():
    killed = [Run(10 + n, n) for n in range(4)]
    history = one(*killed, deaths={run.pid: run.started for run in killed})
    history.ends = {"t": End("FAILURE", "crashed")}

    assert found(history) == set()
    assert found(replace(history, runs={"t": killed[:3]})) == {Wrong.UNEXPECTED}


def test_a_second_publish_of_an_id_excuses_a_second_run_where_the_engine_cannot_tell():
    again = Run(1, 5 * SECOND, 6 * SECOND, how="end")
    calls = {"t": Call("t", Answer.ACCEPTED, tries=2)}

    assert found(one(OTHER, again, calls=calls)) == {Wrong.DOUBLED}
    assert found(one(OTHER, again, calls=calls, deduplicates=False)) == set()


def test_where_ids_are_not_told_apart_any_death_shortly_before_excuses_a_second_run_and_it_is_counted():
    again = Run(1, 5 * SECOND, 6 * SECOND, how="end")

    for died, wrong, doubles in ((2 * SECOND, set(), 1), (7 * SECOND, {Wrong.DOUBLED}, 1)):
        history = one(OTHER, again, deaths={99: died}, deduplicates=False, aftermath=2.0)
        assert (found(history), history.doubles()) == (wrong, doubles)
