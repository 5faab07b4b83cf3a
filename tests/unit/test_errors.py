"""Errors: one tree, drawn at the head of its module, and texts that read well."""

from __future__ import annotations

import builtins
import datetime
import inspect
import pickle

import pytest
from kernelq import Ignore, KernelQError, Reject, Retry, errors

CLASSES = {
    name: one for name, one in vars(errors).items() if inspect.isclass(one) and one.__module__ == errors.__name__
}
OUTSIDE = {"TaskPredicate", "Ignore", "Reject", "Retry", "SoftTimeLimitExceeded", "DuplicateTaskNameWarning"}
"""Not failures of ours: what a task raises or has raised in it, and a warning."""


@pytest.mark.parametrize("name", sorted(CLASSES.keys() - OUTSIDE))
def test_every_error_of_ours_is_below_one_class_and_drawn_in_the_tree(name: str) -> None:
    assert issubclass(CLASSES[name], KernelQError)
    assert name in (errors.__doc__ or "")


def test_errors_are_also_what_python_programs_catch() -> None:
    assert issubclass(errors.NotRegistered, KeyError)
    assert issubclass(errors.TimeoutError, builtins.TimeoutError)
    assert issubclass(errors.NoBackend, NotImplementedError)
    assert errors.OperationalError is errors.BrokerUnavailable


def test_an_unregistered_task_is_said_without_quotes_around_the_sentence() -> None:
    assert str(errors.NotRegistered("no task 'x' is registered")) == "no task 'x' is registered"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Retry("busy", when=3), "retry in 3s: busy"),
        (Retry(exc=ValueError("no"), when=0.5), "retry in 0.5s: ValueError('no')"),
        (Retry(when=datetime.datetime(2030, 1, 2)), "retry at 2030-01-02 00:00:00"),
    ],
)
def test_a_retry_says_when_and_why(error: Retry, said: str) -> None:
    assert str(error) == said


def test_a_rejection_knows_its_reason_and_whether_to_requeue() -> None:
    error = Reject("no room", requeue=True)

    assert (error.reason, error.requeue) == ("no room", True)
    assert Reject().requeue is False


@pytest.mark.parametrize(
    ("error", "attributes"),
    [
        (errors.EncodeError("m", "[0]"), {"path": "[0]"}),
        (errors.StepFailed("Broker", "m"), {"step": "Broker"}),
        (errors.MaxRetriesExceededError("m", task_args=(1,)), {"task_args": (1,), "task_kwargs": None}),
    ],
)
def test_an_error_carries_what_a_program_wants_to_know(error: Exception, attributes: dict[str, object]) -> None:
    assert {name: getattr(error, name) for name in attributes} == attributes


@pytest.mark.parametrize("error", [Ignore("x"), Reject("x", True), Retry("x", when=3)])
def test_what_a_task_raises_survives_pickling(error: Exception) -> None:
    assert pickle.loads(pickle.dumps(error)).args == error.args
