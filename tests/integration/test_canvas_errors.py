"""Which error callbacks are called when something in a workflow fails: the tables of docs/workflows.md, row by row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kernelq import KernelQ, chain, chord, group, uuid
from kernelq.testing import start_worker
from waiting import until

PAGE = Path(__file__).parents[2] / "docs" / "workflows.md"

ROW = re.compile(r"^\| `(\w+\(.*)` \| `(\w)` \| `(.*)` \| (.*) \|$", re.MULTILINE)
"""A row: a workflow, the task in it that fails, whose `on_error` is used, whose ids error callbacks are called with."""

HEADERS_TOO = "task_allow_error_cb_on_chord_header"
"""The setting that the second table is about, and the last words before that."""

PATIENCE = 20.0
"""Seconds a test waits for what must come."""


def rows() -> Iterator[Any]:
    """The rows of both tables."""
    page = PAGE.read_text(encoding="utf-8")
    second = page.index(f"With `{HEADERS_TOO}`")
    for found in ROW.finditer(page):
        workflow, fails, on, called = found.groups()
        ids = re.findall(r"`(\w)`", called)
        headers_too = found.start() > second
        name = f"{workflow}, {fails} fails, on_error of {on}" + (", headers too" if headers_too else "")
        yield pytest.param(workflow, fails, on, ids, headers_too, id=name)


class Proj:
    """An app with a worker, its tasks, and what was called back."""

    def __init__(self, app: KernelQ) -> None:
        self.app = app
        self.called: list[str] = []
        """The ids of the requests that error callbacks were called with where the task failed."""
        self.sent: list[str] = []
        """The ids of the tasks on whose behalf error callbacks were sent as tasks."""
        task: Callable[..., Any] = app.task
        self.work = task(name="proj.work", typing=False)(lambda *_: 1)
        self.fail = task(name="proj.fail", typing=False)(self._fail)
        self.again = task(name="proj.again", bind=True, default_retry_delay=0)(lambda task: self._again(task))
        self.on_call = task(name="proj.on_call", typing=False)(lambda request, *_: self.called.append(request.id))
        self.on_task = task(name="proj.on_task", bind=True, typing=False)(lambda task, *ids: self._on_task(task, *ids))
        self.last = task(name="proj.last")(lambda: None)
        self.tries = 0

    def _fail(self, *_: Any) -> None:
        raise KeyError("boom")

    def _again(self, task: Any) -> None:
        self.tries += 1
        if self.tries == 1:
            raise task.retry()

    def _on_task(self, task: Any, *ids: str) -> None:
        assert ids == (task.request.parent_id,)
        self.sent.append(task.request.parent_id)

    def on_error(self, sig: Any) -> Any:
        """Give it both kinds of error callbacks."""
        return sig.on_error(self.on_call.s()).on_error(self.on_task.s())

    def settle(self, ids: list[str]) -> None:
        """Wait until these have ended and all that was sent by then has run."""
        for id in ids:
            until(self.app.AsyncResult(id).ready, f"{id} to end", patience=PATIENCE)
        self.last.delay().get(timeout=PATIENCE)  # one lane, first come, first served


@pytest.fixture(scope="module", params=["memory", "sqlite", "redis"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proj]:
    url = "memory://"
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('errors')}/queue.sqlite3"
    elif request.param == "redis":
        url = f"{request.getfixturevalue('redis_server').url}?prefix={uuid()}"
    with KernelQ("proj", broker=url, backend=url, set_as_current=False) as app:
        proj = Proj(app)
        with start_worker(app, pool="solo"):
            yield proj


@pytest.fixture
def proj(running: Proj) -> Iterator[Proj]:
    running.called.clear()
    running.sent.clear()
    running.tries = 0
    yield running
    running.app.conf[HEADERS_TOO] = False


@pytest.mark.parametrize(("workflow", "fails", "on", "ids", "headers_too"), list(rows()))
def test_error_callbacks_are_called_as_the_page_says(
    proj: Proj, workflow: str, fails: str, on: str, ids: list[str], headers_too: bool
) -> None:
    proj.app.conf[HEADERS_TOO] = headers_too
    run = uuid()[-12:]
    tasks = {
        name: (proj.fail if name == fails else proj.work).s().set(task_id=f"{name}-{run}")
        for name in set(re.findall(r"\b[a-z]\b", workflow))
    }
    marked, count = re.subn(rf"(?<!\w){re.escape(on)}(?!\w)", f"on({on})", workflow, count=1)
    assert count == 1

    names: dict[str, Any] = {
        "chain": chain,
        "group": group,
        "chord": chord,
        "on": proj.on_error,
        "task": lambda only: only,
    }
    eval(marked, names, tasks).apply_async()  # of our own page
    proj.settle([f"{name}-{run}" for name in tasks])

    expected = [f"{name}-{run}" for name in ids]
    assert sorted(proj.sent) == expected
    assert sorted(proj.called) == expected


def test_a_task_that_is_tried_again_calls_no_error_callback(proj: Proj) -> None:
    result = proj.on_error(proj.again.s()).apply_async()

    proj.settle([result.id])

    assert (proj.tries, proj.called, proj.sent) == (2, [], [])


def test_a_task_that_expired_calls_no_error_callback(proj: Proj) -> None:
    result = proj.on_error(proj.work.s()).apply_async(expires=-5)

    proj.settle([result.id])

    assert (result.state, proj.called, proj.sent) == ("REVOKED", [], [])


def test_the_tables_are_found() -> None:
    assert len(list(rows())) > 30
