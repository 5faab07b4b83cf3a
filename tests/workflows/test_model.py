"""The model itself, against what was measured and what the reference says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from workflows.model import CRASHES, End, Trouble, Value, predict
from workflows.shapes import HERE, SENT, Chain, Chord, Group, Shape, Task, parts, shapes, tasks
from workflows.tasks import Fate

OK = Task()
FAIL = Task(Fate.FAIL)


def states(shape: Shape) -> dict[str, Any]:
    return {
        place: end.state if end.reason is None else (end.state, end.reason)
        for place, end in predict(shape).ends.items()
    }


# --- values


def test_each_step_gets_what_the_one_before_it_returned():
    assert predict(Chain((OK, OK))).outcome == Value(["r.1", ["r.0"]])


def test_an_immutable_step_gets_nothing():
    assert predict(Chain((OK, Task(is_immutable=True)))).outcome == Value(["r.1"])


def test_the_values_of_groups_within_groups_are_one_list_in_the_order_of_the_source():
    assert predict(Group((OK, Group((OK, OK)), OK))).outcome == Value([["r.0"], ["r.1.0"], ["r.1.1"], ["r.2"]])


def test_a_body_gets_the_values_of_the_header_in_the_order_of_the_source():
    shape = Chord((OK, Group((OK, OK)), OK), OK)

    assert predict(shape).outcome == Value(["r.b", [["r.h0"], ["r.h1.0"], ["r.h1.1"], ["r.h2"]]])


def test_a_group_of_one_within_a_chain_is_its_member():
    assert predict(Chain((Group((OK,)), OK))).outcome == Value(["r.1", ["r.0.0"]])


def test_a_group_and_a_task_are_a_chord():
    assert predict(Chain((Group((OK, OK)), OK))).outcome == Value(["r.1", [["r.0.0"], ["r.0.1"]]])


def test_two_groups_are_a_chord_with_a_group_for_a_body():
    values = [["r.0.0"], ["r.0.1"]]

    assert predict(Chain((Group((OK, OK)), Group((OK, OK))))).outcome == Value([["r.1.0", values], ["r.1.1", values]])


def test_a_group_is_called_with_what_came_before_it():
    shape = Chain((OK, Group((OK, OK)), OK, OK))

    assert predict(shape).outcome == Value(["r.3", ["r.2", [["r.1.0", ["r.0"]], ["r.1.1", ["r.0"]]]]])


def test_a_chain_that_ends_in_a_group_brings_one_list_to_its_chord():
    shape = Chord((Chain((OK, Group((OK, OK)))), OK), OK)

    assert predict(shape).outcome == Value(["r.b", [[["r.h0.1.0", ["r.h0.0"]], ["r.h0.1.1", ["r.h0.0"]]], ["r.h1"]]])


def test_of_a_chord_within_a_header_the_body_counts():
    shape = Chord((Chord((OK, OK), OK), OK), OK)

    assert predict(shape).outcome == Value(["r.b", [["r.h0.b", [["r.h0.h0"], ["r.h0.h1"]]], ["r.h1"]]])


def test_the_body_of_an_empty_header_gets_an_empty_list():
    assert predict(Chord((), OK)).outcome == Value(["r.b", []])


# --- failures


def test_the_steps_after_a_failed_one_fail_with_it():
    shape = Chain((OK, FAIL, OK, OK))

    assert states(shape) == {
        "r.0": "SUCCESS", "r.1": "FAILURE", "r.2": ("FAILURE", "upstream"), "r.3": ("FAILURE", "upstream"),
    }  # fmt: skip
    assert predict(shape).outcome == Trouble("FAILURE", frozenset({"Planned"}))
    assert predict(shape).runs == {"r.0": 1, "r.1": 1}


@pytest.mark.parametrize("fate", [Fate.EXPIRE, Fate.REVOKE, Fate.IGNORE])
def test_the_steps_after_one_that_was_given_up_are_given_up(fate):
    assert states(Chain((Task(fate), OK)))["r.1"] == ("REVOKED", "upstream")


def test_everything_in_the_groups_and_chords_after_a_failed_step_fails():
    shape = Chain((FAIL, Chord((OK, Chain((OK, OK))), OK), Group((OK, OK))))

    assert set(states(shape).values()) == {"FAILURE", ("FAILURE", "upstream")}
    assert predict(shape).runs == {"r.0": 1}


def test_a_body_fails_with_a_member_and_the_other_members_go_on():
    shape = Chord((FAIL, Chain((OK, OK))), OK)
    expected = predict(shape)

    assert expected.ends["r.b"] == End("FAILURE", "upstream", frozenset({"Planned", "ChordError"}))
    assert expected.runs == {"r.h0": 1, "r.h1.0": 1, "r.h1.1": 1}


@pytest.mark.parametrize(
    "fate", [Fate.EXPIRE, Fate.REVOKE, Fate.IGNORE, Fate.REJECT, Fate.POISON, Fate.TIME_OUT, Fate.RETRY_FAIL]
)
def test_a_body_fails_whatever_kept_a_member_from_succeeding(fate):
    assert states(Chord((OK, Task(fate)), OK))["r.b"] == ("FAILURE", "upstream")


def test_an_outer_chord_fails_with_an_inner_one():
    shape = Chord((Chord((FAIL,), Task(errors=(SENT,))), OK), Task(errors=(HERE,)))

    assert states(shape)["r.b"] == ("FAILURE", "upstream")
    assert predict(shape).alarms == {"r.h0.b!0s": 1, "r.b!0h": 1}


def test_the_members_of_a_group_do_not_mind_one_another():
    assert states(Group((FAIL, OK))) == {"r.0": "FAILURE", "r.1": "SUCCESS"}


# --- how often


def test_retries_and_crashes_are_counted_apart():
    shape = Group((Task(Fate.RETRY, times=2), Task(Fate.KILL_ONCE), Task(Fate.POISON), Task(Fate.EXPIRE)))

    assert predict(shape).runs == {"r.0": 3, "r.1": 2, "r.2": CRASHES + 1, "r.3": 0}


def test_only_the_failed_step_tells_its_error_callbacks():
    shape = Chain((Task(errors=(SENT,)), Task(Fate.FAIL, errors=(SENT,)), Task(errors=(SENT,))))

    assert predict(shape).alarms == {"r.1!0s": 1}


def test_the_error_callbacks_of_a_chain_are_those_of_each_step_and_of_a_chord_those_of_its_body():
    assert predict(Chain((OK, FAIL), errors=(SENT,))).alarms == {"r!0s": 1}
    assert predict(Chord((OK,), FAIL, errors=(SENT,))).alarms == {"r!0s": 1}
    assert predict(Chord((FAIL, FAIL), OK, errors=(SENT,))).alarms == {"r!0s": 1}


def test_a_body_tells_of_itself_and_a_group_for_a_body_once_of_any_member():
    assert predict(Chord((FAIL,), OK, errors=(SENT,))).told == {"r!0s": {"r.b": 1}}
    assert predict(Chord((FAIL,), Group((OK, OK)), errors=(SENT,))).alarms == {"r!0s": 1}
    assert predict(Chord((FAIL,), Group((OK, OK)), errors=(SENT,))).told == {"r!0s": {"": 1, "r.b.0": 1, "r.b.1": 1}}


def test_the_error_callbacks_of_a_group_are_those_of_each_member():
    assert predict(Group((FAIL, OK, FAIL), errors=(HERE,))).alarms == {"r!0h": 2}


@pytest.mark.parametrize("fate", [Fate.EXPIRE, Fate.REVOKE, Fate.IGNORE])
def test_who_is_given_up_or_ignored_tells_no_error_callback(fate):
    assert predict(Task(fate, errors=(SENT, HERE))).alarms == {}


def test_callbacks_follow_a_success_and_those_of_a_chord_its_body():
    shape = Chord((Task(links=1), Task(Fate.FAIL, links=1)), OK, links=1)

    assert predict(shape).links == {"r.h0>0": [["r.h0"]]}
    assert predict(Chord((OK,), OK, links=1)).links == {"r>0": [["r.b", [["r.h0"]]]]}


# --- what hypothesis makes


@given(shapes())
def test_of_every_workflow_the_end_of_every_task_is_known(shape):
    expected = predict(shape)
    places = [place for place, _ in tasks(shape)]

    assert set(places) == expected.ends.keys()
    assert len(places) == len(set(places)) <= 40
    assert all(
        expected.runs[place] or expected.ends[place].reason in ("upstream", "expired", "revoked") for place in places
    )


@given(shapes())
def test_of_every_chord_either_the_body_runs_or_an_error_callback_of_it_is_called_unless_it_never_began(shape):
    expected = predict(shape)
    for place, part in parts(shape):
        if not isinstance(part, Chord) or not isinstance(part.body, Task):
            continue
        body = f"{place}.b"
        began = any(expected.runs[each] for each, _ in tasks(part) if f"{place}.h" in each) or part.header == ()
        called = expected.alarms[f"{place}!0{part.errors[0][0]}"]
        succeeded = expected.ends[body].state in ("SUCCESS", "PENDING", "REVOKED")
        if began:
            assert called == (0 if succeeded else 1)
