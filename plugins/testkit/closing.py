"""Behaviours w20–w31: joins that are closed, reopened and forgotten."""

from __future__ import annotations

import pytest
from kernelq.workflows import DONE, FAILED, FIRED, WAITING, Close, Reopen, WorkflowStore
from msgspec import structs

from .elsewhere import eventually
from .workflow_bench import BRIEF, ENOUGH, WorkflowBench, arriving, fired, opening, part_of, state_of


class Closing(WorkflowBench):
    """A join is closed once; one that failed can go on from where it was."""

    @pytest.mark.parametrize("state", [DONE, FAILED])
    def test_w20_a_closed_join_is_known_as_it_was_closed(self, store: WorkflowStore, state: str) -> None:
        store.apply([opening("j", 2, record=b"record"), *arriving("j", 0, failed=True), Close(join="j", state=state)])

        assert (found := store.join("j")) is not None
        assert (found.state, found.record, found.size) == (state, b"record", 2)

    def test_w21_a_closed_join_stays_as_it_is(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 1), *arriving("j", 0, failed=True), Close(join="j", state=FAILED, ttl=ENOUGH)])

        store.apply([Close(join="j", state=DONE, ttl=0.0)])
        assert fired(store.apply([opening("j", 1)])) == []

        assert (found := store.join("j")) is not None
        assert found.state == FAILED
        assert store.parts("j", 0, 1) == [part_of(0)]

    def test_w22_closing_what_is_unknown_does_nothing(self, store: WorkflowStore) -> None:
        store.apply(arriving("early", 0))

        assert fired(store.apply([Close(join="never-seen"), Close(join="early"), Reopen(join="never-seen")])) == []

        assert store.join("never-seen") is None
        assert fired(store.apply([opening("early", 1)])) == ["early"]

    def test_w23_a_join_that_waits_may_be_closed(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 2), *arriving("j", 0), Close(join="j", state=FAILED)])

        assert fired(store.apply(arriving("j", 1))) == []
        assert (found := store.join("j")) is not None
        assert found.state == FAILED

    def test_w24_the_parts_of_a_join_that_is_done_are_dropped(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 3), *arriving("j", 0, 1), Close(join="j")])

        assert fired(store.apply(arriving("j", 2, 0))) == []

        assert store.parts("j", 0, 3) == [None, None, None]

    def test_w25_the_parts_of_a_failed_join_are_kept_and_late_ones_too(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 3), *arriving("j", 0), *arriving("j", 1, failed=True)])
        store.apply([Close(join="j", state=FAILED)])

        assert fired(store.apply(arriving("j", 2, 0, 1))) == []

        assert store.parts("j", 0, 3) == [part_of(0), part_of(1), part_of(2)]
        assert state_of(store) == (FAILED, 3, 1)

    def test_w26_a_reopened_join_waits_for_its_failed_members(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 4), *arriving("j", 0), *arriving("j", 1, failed=True), Close(join="j", state=FAILED)])
        store.apply([*arriving("j", 2), *arriving("j", 3, failed=True)])

        assert fired(store.apply([Reopen(join="j")])) == []
        assert state_of(store) == (WAITING, 2, None)
        assert store.parts("j", 0, 4) == [part_of(0), None, part_of(2), None]

        assert fired(store.apply(arriving("j", 0, 1))) == []
        assert fired(store.apply(arriving("j", 3))) == ["j"]
        assert state_of(store) == (FIRED, 4, None)

    def test_w27_a_reopened_join_may_fail_again(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 2), *arriving("j", 1, failed=True), Close(join="j", state=FAILED), Reopen(join="j")])

        assert fired(store.apply(arriving("j", 0, failed=True))) == ["j"]
        assert state_of(store) == (FIRED, 1, 0)

    def test_w28_a_reopened_join_none_of_whose_members_had_failed_fires_when_all_are_there(
        self, store: WorkflowStore
    ) -> None:
        store.apply([opening("j", 2), *arriving("j", 0, 1), Close(join="j", state=FAILED)])

        assert fired(store.apply([Reopen(join="j")])) == ["j"]

    def test_w29_only_a_failed_join_is_reopened(self, store: WorkflowStore) -> None:
        store.apply([opening("waiting", 2), *arriving("waiting", 0)])
        store.apply([opening("fired", 2), *arriving("fired", 0, failed=True)])
        store.apply([opening("done", 1), *arriving("done", 0), Close(join="done")])
        names = ("waiting", "fired", "done")
        before = [store.join(name) for name in names]

        assert fired(store.apply([Reopen(join=name) for name in names])) == []

        assert [store.join(name) for name in names] == before

    def test_w30_a_closed_join_is_forgotten_after_its_ttl(self, store: WorkflowStore) -> None:
        for name, ttl in (("brief", BRIEF), ("too", BRIEF), ("long", ENOUGH), ("ever", None)):
            closing = Close(join=name, state=FAILED, ttl=ttl)
            store.apply([opening(name, 1), *arriving(name, 0, failed=True), closing])

        assert eventually(lambda: (store.join("brief"), store.join("too")) == (None, None))

        assert store.parts("brief", 0, 1) == [None]
        assert None not in (store.join("long"), store.join("ever"))
        assert fired(store.apply([Reopen(join="too"), opening("brief", 1)])) == []
        assert store.join("too") is None
        assert fired(store.apply(arriving("brief", 0))) == ["brief"]

    def test_w31_a_reopened_join_is_not_forgotten(self, store: WorkflowStore) -> None:
        closing = Close(join="j", state=FAILED, ttl=2 * BRIEF)
        store.apply([opening("j", 2), *arriving("j", 0, failed=True), closing, Reopen(join="j")])
        store.apply([opening("other", 0), structs.replace(closing, join="other")])

        assert eventually(lambda: store.join("other") is None)
        store.cleanup()

        assert state_of(store) == (WAITING, 0, None)
