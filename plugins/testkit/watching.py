"""Behaviours r30–r49: waiting for outcomes."""

from __future__ import annotations

import time
from functools import partial

from kernelq.contracts import Backend, Outcome, Watch

from .backend_bench import BackendBench
from .behaviour import requires
from .elsewhere import PATIENCE, soon, soon_in_child, together
from .samples import outcome


class Watching(BackendBench):
    """A watch tells what is there, then what changes, and never misses the end."""

    def test_r30_a_watch_gives_first_what_is_stored_already(self, backend: Backend) -> None:
        backend.apply([outcome("a"), outcome("b"), outcome("c")])

        with backend.watch(["a", "b", "never-seen"]) as watch:
            assert _by_id(watch.changes(PATIENCE)) == {"a": outcome("a"), "b": outcome("b")}

    def test_r31_afterwards_it_gives_only_what_changed(self, backend: Backend) -> None:
        backend.apply([outcome("a"), outcome("b", "STARTED")])
        with backend.watch(["a", "b", "c"]) as watch:
            watch.changes(PATIENCE)

            backend.apply([outcome("b"), outcome("c")])

            assert _follow(watch, 2) == {"b": outcome("b"), "c": outcome("c")}
            assert watch.changes(0) == []

    def test_r32_it_gives_up_after_its_timeout(self, backend: Backend) -> None:
        backend.apply([outcome("other")])
        started = time.monotonic()

        with backend.watch(["a"]) as watch:
            assert watch.changes(0.2) == []

        assert 0.15 < time.monotonic() - started < PATIENCE

    def test_r33_it_does_not_wait_when_not_asked_to(self, backend: Backend) -> None:
        with backend.watch(["a"]) as watch:
            assert watch.changes(0) == []

    def test_r34_a_change_from_another_thread_ends_the_wait(self, backend: Backend) -> None:
        started = time.monotonic()

        with backend.watch(["a"]) as watch, soon(backend.apply, [outcome("a", value=b"1")]):
            assert watch.changes(PATIENCE) == [outcome("a", value=b"1")]

        assert time.monotonic() - started < PATIENCE / 2

    def test_r35_changes_of_other_tasks_are_not_told(self, backend: Backend) -> None:
        with backend.watch(["a"]) as watch, soon(backend.apply, [outcome("b")]):
            assert watch.changes(0.4) == []

    def test_r36_a_refused_write_is_no_change(self, backend: Backend) -> None:
        backend.apply([outcome("a", fence=1)])
        with backend.watch(["a"]) as watch:
            watch.changes(PATIENCE)

            backend.apply([outcome("a", "FAILURE", fence=2)])

            assert watch.changes(0.1) == []

    def test_r37_the_last_state_is_never_missed(self, backend: Backend) -> None:
        def store() -> None:
            for i in range(50):
                backend.apply([outcome("a", "PROGRESS", fence=i)])
            backend.apply([outcome("a", fence=50)])

        def follow() -> list[int]:
            fences: list[int] = []
            with backend.watch(["a"]) as watch:
                while not fences or fences[-1] < 50:
                    fences += [change.fence for change in watch.changes(PATIENCE)]
            return fences

        _, fences = together([store, follow])

        assert fences == sorted(set(fences))

    def test_r38_every_watch_of_a_task_is_told(self, backend: Backend) -> None:
        with backend.watch(["a"]) as one, backend.watch(["a", "b"]) as other:
            backend.apply([outcome("a")])

            assert one.changes(PATIENCE) == other.changes(PATIENCE) == [outcome("a")]

    def test_r39_closing_one_watch_leaves_the_others(self, backend: Backend) -> None:
        with backend.watch(["a"]) as kept:
            closed = backend.watch(["a"])
            closed.close()
            closed.close()

            backend.apply([outcome("a")])

            assert kept.changes(PATIENCE) == [outcome("a")]

    def test_r40_a_thousand_tasks_are_watched_at_once(self, backend: Backend) -> None:
        ids = [str(i) for i in range(1000)]

        with backend.watch(ids) as watch:
            backend.apply([outcome(id) for id in ids])

            assert set(_follow(watch, 1000)) == set(ids)

    @requires("processes")
    def test_r41_a_change_from_another_process_ends_the_wait(self, backend: Backend) -> None:
        with soon_in_child(partial(backend.apply, [outcome("a")])), backend.watch(["a"]) as watch:
            assert watch.changes(PATIENCE) == [outcome("a")]

    def test_r42_twenty_threads_watch_at_once(self, backend: Backend) -> None:
        def watch(thread: int) -> dict[str, Outcome]:
            with backend.watch([f"own-{thread}", "shared"]) as watch:
                return _follow(watch, 2)

        def store() -> dict[str, Outcome]:
            backend.apply([outcome("shared"), *(outcome(f"own-{thread}") for thread in range(20))])
            return {}

        *found, _ = together([*(partial(watch, thread) for thread in range(20)), store])

        assert found == [
            {f"own-{thread}": outcome(f"own-{thread}"), "shared": outcome("shared")} for thread in range(20)
        ]


def _by_id(outcomes: list[Outcome]) -> dict[str, Outcome]:
    return {each.id: each for each in outcomes}


def _follow(watch: Watch, wanted: int) -> dict[str, Outcome]:
    """The last outcome of each task, once `wanted` tasks were told of."""
    found: dict[str, Outcome] = {}
    while len(found) < wanted:
        changes = watch.changes(PATIENCE)
        assert changes, f"expected changes of {wanted} tasks, got {len(found)}"
        found |= _by_id(changes)
    return found
