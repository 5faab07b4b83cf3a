"""Workflows that really ran, looked at and run again where they failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from kernelq import Ignore, KernelQ, Task, chain, chord, group, uuid
from kernelq.exceptions import ChordError
from kernelq.progress import progress, track
from kernelq.testing import start_worker
from kernelq.workflow_views import MessageNotKept, UnknownWorkflow, WorkflowNotFinished, find
from waiting import until

PATIENCE = 20.0
"""Seconds a test waits for a result."""


class Proj:
    """An app with a worker, and its tasks."""

    def __init__(self, app: KernelQ) -> None:
        self.app = app
        self.broken: set[Any] = set()
        """What `work` fails for."""
        self.ran: list[Any] = []
        task = app.task
        self.work: Task[..., Any] = task(name="proj.work", typing=False)(self._work)
        self.after: Task[..., Any] = task(name="proj.after")(self._after)
        self.total: Task[..., Any] = task(name="proj.total")(lambda values: sum(values))
        self.swap: Task[..., Any] = task(name="proj.swap", bind=True)(
            lambda task, value: task.replace(self.work.s(value) | self.after.s(10))
        )

    def _work(self, value: Any, *_: Any) -> Any:
        self.ran.append(value)
        if value in self.broken:
            raise Ignore("not now") if value == "ignored" else KeyError(value)
        return value

    def _after(self, value: Any, more: Any = 0) -> Any:
        return self._work(value + more)


@pytest.fixture(scope="module", params=["memory", "sqlite", "redis"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proj]:
    url = "memory://"
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('views')}/queue.sqlite3"
    elif request.param == "redis":
        url = f"{request.getfixturevalue('redis_server').url}?prefix={uuid()}"
    with KernelQ("proj", broker=url, backend=url, set_as_current=False) as app:
        proj = Proj(app)
        with start_worker(app, pool="threads", concurrency=2):
            yield proj


@pytest.fixture
def proj(running: Proj) -> Proj:
    running.broken.clear()
    running.ran.clear()
    return running


def ended(proj: Proj, result: Any) -> None:
    """Wait until every task of the workflow has a final state."""
    until(lambda: not find(proj.app, result.id).unfinished, "the workflow to end")


def mended(proj: Proj, result: Any) -> int:
    """Run again what failed, now that nothing is broken."""
    proj.broken.clear()
    proj.ran.clear()
    count: int = result.retry_failed()
    return count


def test_a_chord_goes_on_from_the_member_that_failed(proj: Proj) -> None:
    proj.broken.add(2)
    result = chain(
        proj.work.s(7), chord([proj.work.si(value) for value in (1, 2, 3)], proj.total.s()), proj.after.s(10)
    )()
    with pytest.raises((ChordError, KeyError)):
        result.get(timeout=PATIENCE)
    ended(proj, result)

    assert mended(proj, result) == 1
    assert result.get(timeout=PATIENCE) == 16
    assert proj.ran == [2, 16]
    assert (result.completed_count(), result.total_count(), result.retry_failed()) == (6, 6, 0)


def test_a_chain_goes_on_from_the_step_that_failed(proj: Proj) -> None:
    proj.broken.add(11)
    result = chain(proj.work.s(1), *(proj.after.s(10) for _ in range(60)))()
    with pytest.raises(KeyError):
        result.get(timeout=PATIENCE)
    ended(proj, result)
    assert result.reason == "upstream"

    assert mended(proj, result) == 1
    assert result.get(timeout=PATIENCE) == 601
    assert proj.ran[0] == 11


def test_chords_within_chords_go_on_too(proj: Proj) -> None:
    proj.broken |= {2, 5}
    inner = chord([proj.work.s(1), chain(proj.work.s(2), proj.after.s(10))], proj.total.s())
    result = chord([inner, proj.work.s(5), proj.work.s(6)], chain(proj.total.s(), proj.after.s(100)))()
    with pytest.raises((ChordError, KeyError)):
        result.get(timeout=PATIENCE)
    ended(proj, result)

    assert mended(proj, result) == 2
    assert result.get(timeout=PATIENCE) == 124
    assert sorted(proj.ran) == [2, 5, 12, 124]


def test_a_group_runs_its_failed_members_again(proj: Proj) -> None:
    proj.broken |= {1, 3}
    result = group(chain(proj.work.s(value), proj.after.s(10)) for value in range(5))()
    with pytest.raises(KeyError):
        result.get(timeout=PATIENCE)
    ended(proj, result)

    assert result.completed_count() == 3
    assert mended(proj, result) == 2
    assert result.get(timeout=PATIENCE) == [10, 11, 12, 13, 14]
    assert sorted(proj.ran) == [1, 3, 11, 13]


def test_it_may_fail_again_and_be_run_again(proj: Proj) -> None:
    proj.broken |= {1, 2}
    result = chord([proj.work.s(1), proj.work.s(2), proj.work.s(3)], proj.total.s())()
    ended(proj, result)

    for left, count in (({2}, 2), ({2}, 1), (set(), 1)):
        proj.broken.clear()
        proj.broken |= left
        assert result.retry_failed() == count
        ended(proj, result)

    assert result.get(timeout=PATIENCE) == 6


def test_a_body_that_failed_is_run_again_alone(proj: Proj) -> None:
    proj.broken.add(4)
    result = chord([proj.total.s([1]), proj.total.s([3])], proj.total.s() | proj.after.s(0))()
    with pytest.raises(KeyError):
        result.get(timeout=PATIENCE)
    ended(proj, result)

    assert mended(proj, result) == 1
    assert result.get(timeout=PATIENCE) == 4


def test_a_step_that_was_ignored_is_run_again(proj: Proj) -> None:
    proj.broken.add("ignored")
    result = chain(proj.work.s("ignored"), proj.work.s())()
    until(result.ready, "the last step to be given up")

    assert mended(proj, result) == 1
    assert result.get(timeout=PATIENCE) == "ignored"


def test_what_failed_in_the_place_of_a_task_is_said(proj: Proj) -> None:
    proj.broken.add(1)
    result = chain(proj.swap.s(1), proj.after.s(5))()
    with pytest.raises(KeyError):
        result.get(timeout=PATIENCE)
    ended(proj, result)

    with pytest.raises(MessageNotKept):
        result.retry_failed()
    assert result.ready()


def test_what_is_running_is_not_run_again(proj: Proj) -> None:
    result = chain(proj.work.s(1), proj.after.s(1).set(countdown=600))()
    until(lambda: result.parent.ready(), "the first step")

    with pytest.raises(WorkflowNotFinished):
        result.retry_failed()


def test_a_workflow_is_found_from_all_its_results(proj: Proj) -> None:
    result = chain(proj.work.s(1), chord([proj.work.s(2), proj.work.s(3)], proj.total.s()), proj.after.s(1))()
    result.get(timeout=PATIENCE)

    drawn = str(result.graph())
    lines = [" ".join(line.split()[:-1]) for line in drawn.splitlines()[1:]]
    assert lines == [
        "chain of",
        "├─ proj.work SUCCESS",
        "├─ chord of",
        "│ ├─ proj.work SUCCESS",
        "│ ├─ proj.work SUCCESS",
        "│ └─ then proj.total SUCCESS",
        "└─ proj.after SUCCESS",
    ]
    for id in find(proj.app, result.id).tasks:
        assert str(proj.app.AsyncResult(id).graph()) == drawn
    with pytest.raises(UnknownWorkflow):
        proj.work.delay(1).graph()


def test_progress_waits_for_a_workflow(proj: Proj) -> None:
    header = [proj.work.s(value) for value in range(50)]

    assert progress(chord(header, proj.total.s())(), timeout=PATIENCE) == sum(range(50))
    counts = list(track(chord(header, proj.total.s())(), timeout=PATIENCE))
    assert counts[-1] == (51, 51)
    assert counts == sorted(counts)
