"""Behaviours l1–l39: keys are had by one token at a time."""

from __future__ import annotations

from functools import partial

from kernelq.locks import ANYBODY, Keep, LockStore, Release

from .behaviour import requires
from .elsewhere import eventually, in_child, together
from .lock_bench import BRIEF, ENOUGH, LockBench, claim, had, owners


class Claiming(LockBench):
    """Who has a key, and who does not."""

    def test_l1_a_free_key_is_had(self, store: LockStore) -> None:
        assert had(store, claim("k", "t1")) == [None]

        assert owners(store, "kj") == {"k": "t1"}

    def test_l2_a_held_key_is_not_had_and_the_holder_is_named(self, store: LockStore) -> None:
        store.claim([claim("k", "t1", task="tests.sleep", queue="größe", ttl=ENOUGH)])

        [holder] = store.claim([claim("k", "t2")])

        assert holder is not None
        assert (holder.key, holder.token, holder.task, holder.queue) == ("k", "t1", "tests.sleep", "größe")
        assert ENOUGH - 60 < holder.remaining <= ENOUGH
        assert owners(store, "k") == {"k": "t1"}

    def test_l3_its_own_token_has_it_again(self, store: LockStore) -> None:
        store.claim([claim("k", "t1", ttl=1.0)])

        assert had(store, claim("k", "t1", ttl=ENOUGH)) == [None]

        assert store.holders(["k"])["k"].remaining > 60

    def test_l4_each_of_a_batch_is_answered_in_its_place(self, store: LockStore) -> None:
        store.claim([claim("b", "t1"), claim("d", "t1")])

        found = had(store, claim("d", "t2"), claim("a", "t2"), claim("b", "t2"), claim("c", "t2"), claim("a", "t3"))

        assert found == ["t1", None, "t1", None, "t2"]
        assert store.claim([]) == []

    def test_l5_a_claim_in_a_queue_does_not_end_by_itself(self, store: LockStore) -> None:
        store.claim([claim("k", "t1", ttl=0.0)])

        [holder] = store.claim([claim("k", "t2")])

        assert holder is not None
        assert holder.remaining <= 0
        assert store.cleanup() == 0
        assert owners(store, "k") == {"k": "t1"}

    def test_l6_a_claim_without_a_queue_ends_when_its_time_is_up(self, store: LockStore) -> None:
        store.claim([claim("k", "t1", queue="", ttl=BRIEF), claim("j", "t1", queue="", ttl=ENOUGH)])

        assert eventually(lambda: not owners(store, "k"))

        assert [holder.key for holder in store.claims()] == ["j"]
        assert had(store, claim("k", "t2"), claim("j", "t2")) == [None, "t1"]

    def test_l7_a_claim_gives_way_to_who_names_its_token(self, store: LockStore) -> None:
        store.claim([claim("k", "t1")])

        assert had(store, claim("k", "t2", over="t0")) == ["t1"]
        assert had(store, claim("k", "t2", over="t1")) == [None]
        assert had(store, claim("k", "t3", over="t1")) == ["t2"]

    def test_l8_a_claim_gives_way_to_who_goes_over_anybody(self, store: LockStore) -> None:
        store.claim([claim("k", "t1")])

        assert had(store, claim("k", "t2", over=ANYBODY), claim("j", "t2", over=ANYBODY)) == [None, None]

        assert owners(store, "kj") == {"k": "t2", "j": "t2"}

    def test_l9_keys_are_told_apart_by_every_character(self, store: LockStore) -> None:
        keys = ["k", "K", "k ", "ключ", "qo_t_a-{'x': [1, \"2\"]}", "k" * 250, "k" * 249, "%", "a/b", "../k"]

        assert had(store, *(claim(key, f"t{i}") for i, key in enumerate(keys))) == [None] * len(keys)

        assert {key: holder.token for key, holder in store.holders(keys).items()} == {
            key: f"t{i}" for i, key in enumerate(keys)
        }

    def test_l10_the_oldest_claims_are_listed_first(self, store: LockStore) -> None:
        for key in "cab":
            store.claim([claim(key, "t1")])
            assert eventually(partial(_is_past, store, key))

        assert [holder.key for holder in store.claims()] == ["c", "a", "b"]
        assert [holder.key for holder in store.claims(limit=2)] == ["c", "a"]

    def test_l11_of_many_who_want_a_key_at_once_one_has_it(self, store: LockStore) -> None:
        for key in "abcde":
            found = together([partial(had, store, claim(key, f"t{i}")) for i in range(8)])

            [winner] = [f"t{i}" for i, [holder] in enumerate(found) if holder is None]
            assert {holder for [holder] in found if holder is not None} == {winner}
            assert owners(store, key) == {key: winner}

    def test_l12_batches_that_want_the_same_keys_in_any_order_end(self, store: LockStore) -> None:
        def want(i: int) -> None:
            for _ in range(5):
                keys = "abcdef" if i % 2 else "fedcba"
                store.claim([claim(key, f"t{i}") for key in keys])
                store.apply([Release(key, f"t{i}") for key in keys])

        together([partial(want, i) for i in range(4)])

        assert owners(store, "abcdef") == {}

    @requires("processes")
    def test_l13_another_process_sees_it(self, store: LockStore) -> None:
        store.claim([claim("k", "t1")])

        def elsewhere() -> None:
            assert had(store, claim("k", "t2")) == ["t1"]
            store.apply([Release("k", "t1")])

        in_child(elsewhere)

        assert owners(store, "k") == {}

    def test_l14_a_thousand_keys_are_had_and_looked_up_at_once(self, store: LockStore) -> None:
        keys = [str(i) for i in range(1200)]

        assert had(store, *(claim(key, f"t{key}") for key in keys)) == [None] * len(keys)

        assert {key: holder.token for key, holder in store.holders(keys).items()} == {key: f"t{key}" for key in keys}
        store.apply([Keep(key, f"t{key}", ENOUGH) for key in keys])
        store.apply([Release(key, f"t{key}") for key in keys])
        assert store.claims() == []


def _is_past(store: LockStore, key: str) -> bool:
    """Whether a claim made now would be later than this one, by a clock of milliseconds."""
    holder = store.holders([key])[key]
    return holder.remaining < ENOUGH - 0.002
