"""Behaviours w01–w19 and w32–w49: when a join fires, who is counted in it, and what is known of it."""

from __future__ import annotations

from functools import partial

from kernelq.workflows import FAILED, FIRED, WAITING, Arrive, Close, Forget, Op, Reopen, WorkflowStore

from .behaviour import requires
from .elsewhere import soon_in_child, together
from .workflow_bench import EVERY_FIELD, WorkflowBench, arriving, every_op, fired, meeting, opening, part_of, state_of


class Joining(WorkflowBench):
    """Every member counts once, and the last one of them fires the join once."""

    def test_w01_a_join_waits_until_its_last_place_is_taken(self, store: WorkflowStore) -> None:
        assert fired(store.apply([opening("j", 3), *arriving("j", 2, 0)])) == []
        assert state_of(store) == (WAITING, 2, None)

        assert fired(store.apply(arriving("j", 1))) == ["j"]
        assert state_of(store) == (FIRED, 3, None)

    def test_w02_every_field_of_the_message_of_a_join_survives(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 1, message=EVERY_FIELD)])

        assert list(store.apply(arriving("j", 0))) == [EVERY_FIELD]

    def test_w03_a_join_is_known_as_it_was_opened(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 3, record=bytes(range(256))), opening("open", None)])

        found = store.join("j")

        assert found is not None
        assert (found.state, found.record, found.size, found.arrived, found.failed) == (
            WAITING, bytes(range(256)), 3, 0, None,
        )  # fmt: skip
        assert found.opened_at > 1_600_000_000
        assert (unsized := store.join("open")) is not None
        assert unsized.size is None

    def test_w04_nothing_is_known_of_a_join_that_was_never_opened(self, store: WorkflowStore) -> None:
        store.apply(arriving("j", 0))

        assert store.join("j") is None
        assert store.join("never-seen") is None

    def test_w05_a_place_that_is_taken_stays_as_it_is(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 2), *arriving("j", 0)])

        assert fired(store.apply([Arrive(join="j", place=0, part=b"other", failed=True)])) == []
        assert fired(store.apply([*arriving("j", 0), *arriving("j", 0)])) == []

        assert state_of(store) == (WAITING, 1, None)
        assert store.parts("j", 0, 2) == [part_of(0), None]

    def test_w06_a_member_that_ends_twice_in_one_batch_counts_once(self, store: WorkflowStore) -> None:
        assert fired(store.apply([opening("j", 2), *arriving("j", 0, 0)])) == []

        assert state_of(store) == (WAITING, 1, None)

    def test_w07_parts_that_come_first_are_kept_until_the_join_is_opened(self, store: WorkflowStore) -> None:
        assert fired(store.apply(arriving("j", 1))) == []
        store.apply([opening("j", 3)])
        assert state_of(store) == (WAITING, 1, None)

        assert fired(store.apply(arriving("j", 0, 2))) == ["j"]
        assert store.parts("j", 0, 3) == [part_of(0), part_of(1), part_of(2)]

    def test_w08_a_join_all_of_whose_parts_came_before_fires_when_it_is_opened(self, store: WorkflowStore) -> None:
        store.apply(arriving("j", 0, 1))

        assert fired(store.apply([opening("j", 2)])) == ["j"]

    def test_w09_the_size_may_be_told_later(self, store: WorkflowStore) -> None:
        assert fired(store.apply([opening("j", None, record=b"first"), *arriving("j", 0, 1, 2)])) == []

        assert fired(store.apply([opening("j", 4, record=b"second")])) == []
        assert fired(store.apply(arriving("j", 3))) == ["j"]

        assert (found := store.join("j")) is not None
        assert (found.size, found.record) == (4, b"first")

    def test_w10_a_join_that_has_met_fires_when_its_size_is_told(self, store: WorkflowStore) -> None:
        store.apply([opening("j", None), *arriving("j", 0, 1)])

        assert fired(store.apply([opening("j", 2)])) == ["j"]

    def test_w11_what_is_known_of_a_join_stays_when_it_is_opened_again(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 2, record=b"first"), *arriving("j", 0)])
        before = store.join("j")

        assert fired(store.apply([opening("j", 1, record=b"second", message=EVERY_FIELD)])) == []

        assert store.join("j") == before
        assert [each.id for each in store.apply(arriving("j", 1))] == ["after j"]

    def test_w12_a_join_of_no_places_fires_at_once(self, store: WorkflowStore) -> None:
        assert fired(store.apply([opening("j", 0)])) == ["j"]
        assert state_of(store) == (FIRED, 0, None)

        store.apply([opening("later", None)])
        assert fired(store.apply([opening("later", 0)])) == ["later"]

    def test_w13_a_failed_member_fires_the_join_whoever_else_is_missing(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 3), *arriving("j", 2), opening("unsized", None)])

        assert fired(store.apply(arriving("j", 1, failed=True))) == ["j"]
        assert fired(store.apply(arriving("unsized", 5, failed=True))) == ["unsized"]

        assert state_of(store) == (FIRED, 2, 1)
        assert store.parts("j", 0, 3) == [None, part_of(1), part_of(2)]

    def test_w14_a_member_that_failed_before_fires_the_join_when_it_is_opened(self, store: WorkflowStore) -> None:
        store.apply([*arriving("j", 0), *arriving("j", 2, failed=True), *arriving("j", 1, failed=True)])

        assert fired(store.apply([opening("j", 9)])) == ["j"]

        assert state_of(store) == (FIRED, 3, 2)

    def test_w15_the_failure_that_came_first_is_the_one_that_is_told(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 3), *arriving("j", 2, 0, failed=True)])
        store.apply(arriving("j", 1, failed=True))

        assert state_of(store) == (FIRED, 3, 2)

    def test_w16_who_comes_after_a_join_fired_takes_a_place_and_fires_nothing(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 3), *arriving("j", 0, failed=True)])

        assert fired(store.apply(arriving("j", 2))) == []
        assert fired(store.apply(arriving("j", 1))) == []

        assert state_of(store) == (FIRED, 3, 0)

    def test_w17_an_arrival_that_comes_again_gives_the_message_again_until_the_join_is_closed(
        self, store: WorkflowStore
    ) -> None:
        store.apply([opening("j", 2), *arriving("j", 0, 1)])

        assert fired(store.apply(arriving("j", 1))) == ["j"]
        assert fired(store.apply(arriving("j", 0, 1))) == ["j"]

        store.apply([Close(join="j")])
        assert fired(store.apply(arriving("j", 1))) == []

    def test_w18_a_join_forgotten_and_opened_begins_anew(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 2, record=b"first"), *arriving("j", 0), *arriving("j", 1, failed=True)])

        anew = opening("j", 3, record=b"second", message=EVERY_FIELD)
        assert fired(store.apply([Forget(join="j"), anew, *arriving("j", 0, 2)])) == []

        assert state_of(store) == (WAITING, 2, None)
        assert store.parts("j", 0, 3) == [part_of(0), None, part_of(2)]
        assert (found := store.join("j")) is not None
        assert (found.record, found.size) == (b"second", 3)
        assert list(store.apply(arriving("j", 1))) == [EVERY_FIELD]

    def test_w19_parts_that_came_early_are_forgotten_too(self, store: WorkflowStore) -> None:
        store.apply(arriving("early", 0))

        assert fired(store.apply([Forget(join="early"), opening("early", 1)])) == []

        assert state_of(store, "early") == (WAITING, 0, None)

    def test_w32_the_parts_of_any_places_are_read_in_order(self, store: WorkflowStore) -> None:
        store.apply([opening("j", 100), *arriving("j", 3, 99, 0, 10, 9)])

        assert store.parts("j", 0, 4) == [part_of(0), None, None, part_of(3)]
        assert store.parts("j", 9, 12) == [part_of(9), part_of(10), None]
        assert store.parts("j", 98, 101) == [None, part_of(99), None]
        assert store.parts("j", 5, 5) == []
        assert store.parts("never-seen", 0, 2) == [None, None]

    def test_w33_empty_and_large_parts_survive(self, store: WorkflowStore) -> None:
        large = bytes(range(256)) * 4096

        store.apply([opening("j", 3), Arrive(join="j", place=0, part=b""), Arrive(join="j", place=1, part=large)])

        assert store.parts("j", 0, 3) == [b"", large, None]

    def test_w34_thousands_arrive_in_one_batch_and_are_read_at_once(self, store: WorkflowStore) -> None:
        size = 5000

        assert fired(store.apply([opening("j", size), *arriving("j", *range(size - 1, -1, -1))])) == ["j"]

        assert state_of(store) == (FIRED, size, None)
        assert store.parts("j", 0, size) == [part_of(place) for place in range(size)]

    def test_w35_joins_are_told_apart_in_one_batch(self, store: WorkflowStore) -> None:
        names = [f"{letter}/{i}" for i in range(50) for letter in "aAä"]
        batch = [op for name in names for op in meeting(name, 2, 0)]
        assert fired(store.apply(batch)) == []

        assert fired(store.apply([op for name in names[::2] for op in arriving(name, 1)])) == names[::2]

        assert [store.join(name) is not None for name in ("a/0", "A/0", "ä/0", "á/0")] == [True, True, True, False]

    def test_w36_the_ops_of_a_batch_are_done_in_their_order(self, store: WorkflowStore) -> None:
        batch: list[Op] = [
            *arriving("j", 0), opening("j", 1), Close(join="j"), *arriving("j", 0),
            Forget(join="j"), opening("j", 2, message=EVERY_FIELD), *arriving("j", 1, failed=True), *arriving("j", 0),
            Close(join="j", state=FAILED), Reopen(join="j"), *arriving("j", 1, 0),
        ]  # fmt: skip

        assert {each.queue for each in store.apply(batch)} == {"q", EVERY_FIELD.queue}

        assert state_of(store) == (FIRED, 2, None)
        assert store.parts("j", 0, 2) == [part_of(0), part_of(1)]

    def test_w37_many_threads_that_arrive_at_once_fire_a_join_exactly_once(self, store: WorkflowStore) -> None:
        threads, each, step = 8, 50, 7
        store.apply([opening("j", threads * each)])

        def arrive(thread: int) -> list[str]:
            places = range(thread, threads * each, threads)
            batches = [places[i : i + step] for i in range(0, each, step)]
            return [join for batch in batches for join in fired(store.apply(arriving("j", *batch)))]

        found = together([partial(arrive, thread) for thread in range(threads)])

        assert [join for joins in found for join in joins] == ["j"]
        assert state_of(store) == (FIRED, threads * each, None)

    def test_w38_many_joins_met_in_any_order_fire_once_each(self, store: WorkflowStore) -> None:
        names, threads, rounds = [f"join {i}" for i in range(12)], 6, 4
        size = threads * rounds

        def arrive(thread: int) -> list[str]:
            turned = names[thread:] + names[:thread]
            mine = turned if thread % 2 else turned[::-1]
            places = range(thread * rounds, (thread + 1) * rounds)
            batches = [[op for name in mine for op in meeting(name, size, place)] for place in places]
            return [join for batch in batches for join in fired(store.apply(batch))]

        found = together([partial(arrive, thread) for thread in range(threads)])

        assert sorted(join for joins in found for join in joins) == sorted(names)
        assert {state_of(store, name) for name in names} == {(FIRED, size, None)}

    @requires("processes")
    def test_w39_processes_that_arrive_at_once_fire_a_join_exactly_once(self, store: WorkflowStore) -> None:
        size = 200
        store.apply([opening("j", 2 * size), opening("told", None)])

        def arrive(who: int) -> None:
            for place in range(who, 2 * size, 2):
                if fired(store.apply(arriving("j", place))):
                    store.apply(arriving("told", who))

        with soon_in_child(partial(arrive, 0)), soon_in_child(partial(arrive, 1)):
            pass

        assert state_of(store) == (FIRED, 2 * size, None)
        assert state_of(store, "told") == (WAITING, 1, None)

    def test_w40_a_closed_store_opens_again_by_itself(self, store: WorkflowStore) -> None:
        store.apply(every_op("j"))
        store.close()

        assert store.join("j") is not None
        assert store.kept(["j"]) == {"j": b"kept"}

    def test_w41_doing_nothing_is_allowed(self, store: WorkflowStore) -> None:
        assert list(store.apply([])) == []

    def test_w42_a_life_that_comes_twice_ends_as_the_first_time(self, store: WorkflowStore) -> None:
        store.apply(every_op("j"))
        before = store.join("j")

        assert fired(store.apply(every_op("j"))) == []

        assert store.join("j") == before
