"""Behaviours w50–w69: values that are kept, joins that are overdue, and what is cleaned up."""

from __future__ import annotations

from functools import partial

import pytest
from kernelq.workflows import DONE, FAILED, FIRED, WAITING, Close, Drop, Forget, Keep, Reopen, WorkflowStore

from .behaviour import requires
from .elsewhere import eventually, in_child, together
from .workflow_bench import BRIEF, ENOUGH, WorkflowBench, arriving, fired, opening


class Outlasting(WorkflowBench):
    """What is kept for a while, and what waits for too long."""

    def test_w50_a_kept_value_is_got_back(self, store: WorkflowStore) -> None:
        values = {"plan:größe": bytes(range(256)), "empty": b"", "large": bytes(1 << 20), "Empty": b"other"}

        store.apply([Keep(key=key, value=value) for key, value in values.items()])

        assert store.kept([*values, "never-seen"]) == values
        assert store.kept([]) == {}

    def test_w51_a_later_value_takes_the_place_of_an_earlier_one(self, store: WorkflowStore) -> None:
        store.apply([Keep(key="a", value=b"1"), Keep(key="b", value=b"1"), Keep(key="b", value=b"2")])
        store.apply([Keep(key="a", value=b"2", ttl=ENOUGH)])

        assert store.kept(["a", "b"]) == {"a": b"2", "b": b"2"}

    def test_w52_a_dropped_value_is_gone(self, store: WorkflowStore) -> None:
        store.apply([Keep(key=key, value=b"1") for key in "abc"])

        store.apply([Drop(key="a"), Drop(key="never-seen"), Drop(key="b"), Keep(key="b", value=b"2")])
        store.apply([Keep(key="d", value=b"1"), Drop(key="d")])

        assert store.kept(["a", "b", "c", "d"]) == {"b": b"2", "c": b"1"}

    def test_w53_a_value_is_gone_after_its_ttl(self, store: WorkflowStore) -> None:
        store.apply([Keep(key="brief", value=b"1", ttl=BRIEF), Keep(key="long", value=b"1", ttl=ENOUGH)])
        store.apply([Keep(key="prolonged", value=b"1", ttl=BRIEF), Keep(key="ever", value=b"1")])
        store.apply([Keep(key="prolonged", value=b"1")])

        assert eventually(lambda: "brief" not in store.kept(["brief"]))

        assert set(store.kept(["brief", "long", "prolonged", "ever"])) == {"long", "prolonged", "ever"}

    def test_w54_a_thousand_values_are_kept_and_got_at_once(self, store: WorkflowStore) -> None:
        values = {str(i): b"%d" % i for i in range(1500)}

        store.apply([Keep(key=key, value=value) for key, value in values.items()])

        assert store.kept(values) == values

    def test_w55_values_and_joins_of_one_name_are_two_things(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 1), Keep(key="j", value=b"1"), *arriving("j", 0)])

        store.apply([Drop(key="j")])

        assert store.join("j") is not None
        assert store.kept(["j"]) == {}

    def test_w56_many_threads_keep_at_once(self, store: WorkflowStore) -> None:
        def keep(thread: int) -> None:
            keys = [f"{thread}-{i}" for i in range(10)]
            shared = ["x", "y", "z"][:: 1 if thread % 2 else -1]
            store.apply([Keep(key=key, value=b"%d" % thread) for key in [*keys, *shared]])

        together([partial(keep, thread) for thread in range(8)])

        wanted = [f"{thread}-{i}" for thread in range(8) for i in range(10)]
        assert len(store.kept([*wanted, "x", "y", "z"])) == len(wanted) + 3

    @requires("processes")
    def test_w57_a_forked_child_shares_what_is_kept(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 2), *arriving("j", 0)])

        in_child(partial(store.apply, [*arriving("j", 1), Keep(key="child", value=b"1")]))

        assert (found := store.join("j")) is not None
        assert found.state == FIRED
        assert store.kept(["child"]) == {"child": b"1"}

    def test_w60_a_join_that_fired_long_ago_and_is_not_closed_is_overdue(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 1), *arriving("j", 0), opening("closed", 0), Close(join="closed")])
        store.apply([opening("waiting", 1)])

        assert store.overdue(fired=ENOUGH, open=ENOUGH) == []
        assert eventually(lambda: fired(store.overdue(fired=BRIEF, open=ENOUGH)) == ["j"])

        assert fired(store.overdue(fired=BRIEF, open=ENOUGH)) == ["j"]
        store.apply([Close(join="j")])
        assert store.overdue(fired=BRIEF, open=ENOUGH) == []

    def test_w61_a_join_that_waits_for_too_long_fires(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 2), *arriving("j", 0), opening("unsized", None)])
        store.apply([opening("closed", 1), Close(join="closed", state=FAILED)])

        assert eventually(lambda: set(fired(store.overdue(fired=ENOUGH, open=BRIEF))) == {"j", "unsized"})

        found = store.join("j")
        assert found is not None
        assert (found.state, found.arrived, found.failed) == (FIRED, 1, None)
        assert store.overdue(fired=ENOUGH, open=BRIEF) == []
        assert fired(store.apply(arriving("j", 1))) == []

    def test_w62_the_overdue_come_oldest_first(self, store: WorkflowStore) -> None:
        names = ["c", "a", "b"]
        for name in names:
            store.apply([opening(name, 0)])

        assert eventually(lambda: len(fired(store.overdue(fired=BRIEF, open=ENOUGH))) == len(names))

        assert fired(store.overdue(fired=BRIEF, open=ENOUGH)) == names

    def test_w63_at_most_a_thousand_are_overdue_at_once_and_the_others_come_next(self, store: WorkflowStore) -> None:
        names = [f"join {i}" for i in range(1100)]
        store.apply([opening(name, 1) for name in names])
        found: list[str] = []

        def gather() -> bool:
            late = fired(store.overdue(fired=ENOUGH, open=0.0))
            assert len(late) <= 1000
            found.extend(late)
            return len(found) >= len(names)

        assert eventually(gather)
        assert sorted(found) == sorted(names)

    def test_w64_a_join_never_opened_is_forgotten_when_its_first_part_is_old(self, store: WorkflowStore) -> None:
        store.apply(arriving("j", 0))
        assert store.overdue(fired=ENOUGH, open=ENOUGH) == []
        assert store.parts("j", 0, 1) != [None]

        assert eventually(lambda: not (store.overdue(fired=ENOUGH, open=BRIEF) or store.parts("j", 0, 1) != [None]))

        assert fired(store.apply([opening("j", 1)])) == []

    def test_w65_a_reopened_join_begins_to_wait_anew(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 1), *arriving("j", 0, failed=True), Close(join="j", state=FAILED)])
        store.apply([opening("later", 1)])
        store.apply([Reopen(join="j")])
        found: list[str] = []

        def gather() -> bool:
            found.extend(fired(store.overdue(fired=ENOUGH, open=BRIEF)))
            return len(found) == 2

        assert eventually(gather)
        assert found == ["later", "j"]

    def test_w66_cleaning_up_drops_only_what_was_outlived(self, store: WorkflowStore) -> None:
        for name, ttl in (("brief", BRIEF), ("long", ENOUGH), ("ever", None)):
            store.apply([opening(name, 1), *arriving(name, 0), Close(join=name, state=DONE, ttl=ttl)])
            store.apply([Keep(key=name, value=b"1", ttl=ttl)])
        assert eventually(lambda: store.join("brief") is None and not store.kept(["brief"]))

        store.cleanup()

        assert store.cleanup() == 0
        assert [store.join(name) is not None for name in ("brief", "long", "ever")] == [False, True, True]
        assert set(store.kept(["brief", "long", "ever"])) == {"long", "ever"}

    def test_w67_a_join_that_waits_or_fired_is_never_cleaned_up(self, store: WorkflowStore) -> None:
        store.apply([opening("waiting", 1), opening("fired", 0), *arriving("early", 0)])

        store.cleanup()

        assert [found.state for name in ("waiting", "fired") if (found := store.join(name))] == [WAITING, FIRED]
        assert fired(store.apply([opening("early", 1)])) == ["early"]

    @pytest.mark.parametrize("state", [WAITING, FIRED, DONE, FAILED])
    def test_w43_a_forgotten_join_begins_anew_whatever_it_was(self, store: WorkflowStore, state: str) -> None:
        size = 1 if state == FIRED else 2
        store.apply([opening("j", size), *arriving("j", 0)])
        if state in (DONE, FAILED):
            store.apply([Close(join="j", state=state)])

        assert fired(store.apply([Forget(join="j"), Forget(join="never-seen")])) == []

        assert store.join("j") is None
        assert store.parts("j", 0, 1) == [None]
        assert store.overdue(fired=0, open=0) == []
        assert fired(store.apply([opening("j", 1), *arriving("j", 0)])) == ["j"]
