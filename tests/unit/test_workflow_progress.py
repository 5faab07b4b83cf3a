"""How far a workflow is: its counts, the changes of these, and a bar."""

from __future__ import annotations

import io
import sys

import pytest
from kernelq import EagerResult, KernelQ, canvas
from kernelq.errors import TimeoutError
from kernelq.progress import progress, track
from kernelq.workflows import WorkflowStore
from plans import chain, chord, end, error, group, keep, task

PHOTOS = chain(task("load"), chord("j1", task("small"), task("large"), body=task("zip")))


@pytest.fixture
def store(app: KernelQ) -> WorkflowStore:
    store = canvas.store_of(app)
    assert store is not None
    return store


# --- counts --------------------------------------------------------------------------------------


def test_the_result_of_a_workflow_counts_all_its_tasks(app: KernelQ, store: WorkflowStore) -> None:
    keep(store, PHOTOS, "zip")
    end(app, "load")
    end(app, "large", "FAILURE", error("ValueError"))

    result = app.AsyncResult("zip")

    assert (result.completed_count(), result.total_count()) == (1, 4)


def test_a_task_of_no_workflow_counts_itself(app: KernelQ, store: WorkflowStore) -> None:
    end(app, "done", root_id="done")

    assert (app.AsyncResult("done").completed_count(), app.AsyncResult("done").total_count()) == (1, 1)
    assert (app.AsyncResult("new").completed_count(), app.AsyncResult("new").total_count()) == (0, 1)
    eager: EagerResult[int] = app.EagerResult("e", 1, "SUCCESS")
    assert (eager.completed_count(), eager.total_count()) == (1, 1)


def test_a_group_counts_its_members(app: KernelQ, store: WorkflowStore) -> None:
    keep(store, group("g", chain(task("a"), task("b")), task("c")), "g")
    end(app, "c")
    result = app.GroupResult("g", [app.AsyncResult("b"), app.AsyncResult("c")])

    assert (result.completed_count(), result.total_count()) == (1, 2)


# --- changes -------------------------------------------------------------------------------------


def test_each_change_is_told_until_the_result_is_there(app: KernelQ, store: WorkflowStore) -> None:
    keep(store, PHOTOS, "zip")
    end(app, "load")
    changes = track(app.AsyncResult("zip"), timeout=10)

    assert next(changes) == (1, 4)
    for place, id in enumerate(("small", "large", "zip"), 2):
        end(app, id)
        assert next(changes) == (place, 4)
    assert next(changes, None) is None


def test_a_workflow_that_has_ended_is_told_once(app: KernelQ, store: WorkflowStore) -> None:
    keep(store, PHOTOS, "zip")
    for id in ("load", "small", "large", "zip"):
        end(app, id)

    result = app.AsyncResult("zip")
    assert list(track(result, timeout=10)) == [(4, 4)]
    result.get(timeout=10)
    assert list(track(result, timeout=10)) == [(4, 4)]


def test_tasks_whose_outcome_is_not_kept_count_at_the_end(app: KernelQ, store: WorkflowStore) -> None:
    keep(store, PHOTOS, "zip")
    changes = track(app.AsyncResult("zip"), timeout=10)

    assert next(changes) == (0, 4)
    end(app, "zip")
    assert list(changes) == [(4, 4)]


def test_a_failure_of_the_result_ends_it(app: KernelQ, store: WorkflowStore) -> None:
    keep(store, PHOTOS, "zip")
    changes = track(app.AsyncResult("zip"), timeout=10)

    next(changes)
    end(app, "small")
    end(app, "zip", "FAILURE", error("ChordError"))
    assert list(changes) == [(1, 4)]


def test_results_of_no_workflow_are_counted_themselves(app: KernelQ, store: WorkflowStore) -> None:
    results = app.ResultSet([app.AsyncResult("a"), app.AsyncResult("b")])
    end(app, "a")
    changes = track(results, timeout=10)

    assert [next(changes), next(changes)] == [(0, 2), (1, 2)]
    end(app, "b")
    assert list(changes) == [(2, 2)]


def test_time_may_run_out(app: KernelQ, store: WorkflowStore) -> None:
    keep(store, PHOTOS, "zip")

    with pytest.raises(TimeoutError, match=r"4 of 4 tasks were not done within 0 s; they go on"):
        list(track(app.AsyncResult("zip"), timeout=0))


def test_waiting_inside_a_task_is_refused(app: KernelQ, lane_of: type) -> None:
    result = app.task(name="waits")(lambda: track(app.AsyncResult("x"))).delay()

    lane_of(app).run_all()

    with pytest.raises(RuntimeError, match="task"):
        result.get(timeout=10)


# --- the bar -------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_is_drawn_on_a_terminal_only_and_the_value_given_back(
    app: KernelQ, store: WorkflowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, PHOTOS, "zip")
    for id in ("load", "small", "large"):
        end(app, id)
    end(app, "zip", value="album")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    shown = []
    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stream)
        assert progress(app.AsyncResult("zip"), description="[album]", timeout=10) == "album"
        shown.append(stream.getvalue())

    assert "[album]" in shown[0]
    assert "4/4" in shown[0]
    assert shown[1] == ""


def test_a_failure_is_raised_behind_the_bar(app: KernelQ, store: WorkflowStore) -> None:
    keep(store, PHOTOS, "zip")
    end(app, "zip", "FAILURE", error("ValueError"))

    with pytest.raises(ValueError, match="no"):
        progress(app.AsyncResult("zip"), timeout=10)
