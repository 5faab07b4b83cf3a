"""Behaviours l40–l79: claims end by their owners, together with the settlement of a message, or by force."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kernelq.contracts import Broker, Consumer, Effect, Transition
from kernelq.locks import Keep, LockStore, Release

from .behaviour import requires
from .elsewhere import eventually
from .lock_bench import BRIEF, ENOUGH, LockBench, claim, had, owners
from .samples import QUEUE, messages, settle

LEASE = 60.0
"""Seconds: a lease that does not end while a test runs."""


class Releasing(LockBench):
    """How claims end, and how they go on."""

    @pytest.fixture
    def consumer(self, broker: Broker) -> Iterator[Consumer]:
        member = broker.consumer([QUEUE], id="member", lease=LEASE)
        yield member
        member.close()

    def test_l40_its_owner_frees_a_key(self, store: LockStore) -> None:
        store.claim([claim("a", "t1"), claim("b", "t1")])

        store.apply([Release("a", "t1")])

        assert owners(store, "ab") == {"b": "t1"}
        assert had(store, claim("a", "t2")) == [None]

    def test_l41_nobody_else_frees_a_key(self, store: LockStore) -> None:
        store.claim([claim("a", "t1")])

        store.apply([Release("a", "t2"), Release("never-held", "t1")])

        assert owners(store, "a") == {"a": "t1"}

    def test_l42_a_release_that_comes_twice_frees_no_later_claim(self, store: LockStore) -> None:
        store.claim([claim("a", "t1")])
        store.apply([Release("a", "t1"), Release("a", "t1")])
        store.claim([claim("a", "t2")])

        store.apply([Release("a", "t1")])

        assert owners(store, "a") == {"a": "t2"}

    def test_l43_a_claim_is_kept_for_longer(self, store: LockStore) -> None:
        store.claim([claim("a", "t1", queue="", ttl=5.0)])

        store.apply([Keep("a", "t1", ENOUGH)])

        assert store.holders(["a"])["a"].remaining > 60

    def test_l44_a_kept_claim_goes_to_a_queue_and_away_from_it(self, store: LockStore) -> None:
        store.claim([claim("a", "t1", queue=""), claim("b", "t1")])

        store.apply([Keep("a", "t1", 0.0, "q"), Keep("b", "t1", BRIEF, "")])

        assert store.holders(["a"])["a"].queue == "q"
        assert eventually(lambda: owners(store, "ab") == {"a": "t1"})

    def test_l45_nobody_else_keeps_a_claim(self, store: LockStore) -> None:
        store.claim([claim("a", "t1", ttl=5.0)])

        store.apply([Keep("a", "t2", ENOUGH, "other"), Keep("free", "t2", ENOUGH)])

        holder = store.holders(["a"])["a"]
        assert (holder.token, holder.queue, holder.remaining <= 5.0) == ("t1", "q", True)
        assert owners(store, "a") == {"a": "t1"}
        assert "free" not in store.holders(["free"])

    def test_l46_what_has_ended_is_not_kept(self, store: LockStore) -> None:
        store.claim([claim("a", "t1", queue="", ttl=BRIEF)])
        assert eventually(lambda: not owners(store, "a"))

        store.apply([Keep("a", "t1", ENOUGH, "q")])

        assert owners(store, "a") == {}

    def test_l47_operations_are_done_in_their_order(self, store: LockStore) -> None:
        store.claim([claim("a", "t1"), claim("b", "t1")])

        store.apply([Keep("a", "t1", ENOUGH), Release("a", "t1"), Keep("a", "t1", ENOUGH), Keep("b", "t1", 1.0, "r")])

        assert owners(store, "ab") == {"b": "t1"}
        assert store.holders(["b"])["b"].queue == "r"
        assert store.apply([]) == ()

    def test_l48_a_key_is_freed_by_force(self, store: LockStore) -> None:
        store.claim([claim("a", "t1")])

        assert store.free("a")
        assert not store.free("a")

        assert owners(store, "a") == {}
        assert store.claims() == []

    def test_l49_what_has_ended_by_itself_is_cleaned_up(self, store: LockStore) -> None:
        store.claim([claim(key, "t1", queue="", ttl=BRIEF) for key in "ab"] + [claim("c", "t1")])
        assert eventually(lambda: not owners(store, "ab"))

        store.cleanup()

        assert store.cleanup() == 0
        assert [holder.key for holder in store.claims()] == ["c"]

    # --- together with the settlement

    @requires("transactions")
    def test_l60_the_store_is_on_the_engine_of_the_broker(self, store: LockStore, broker: Broker) -> None:
        assert store.engine is broker.engine

    @requires("transactions")
    def test_l61_a_key_is_free_with_the_settlement(self, store: LockStore, broker: Broker, consumer: Consumer) -> None:
        store.claim([claim("a", "a"), claim("b", "b"), claim("c", "c")])
        broker.publish(messages("abc"))
        deliveries = consumer.fetch(3, 0)
        ops = [Release("a", "a"), Release("b", "other"), Keep("c", "c", ENOUGH, "elsewhere")]

        transitions = [
            Transition(delivery=delivery, effects=(Effect(store, op),))
            for delivery, op in zip(deliveries, ops, strict=True)
        ]
        assert consumer.settle(transitions) == []

        assert owners(store, "abc") == {"b": "b", "c": "c"}
        assert store.holders(["c"])["c"].queue == "elsewhere"

    @requires("transactions", "leases")
    def test_l62_a_refused_settlement_frees_nothing(self, store: LockStore, broker: Broker, consumer: Consumer) -> None:
        store.claim([claim("a", "a")])
        broker.publish(messages("a"))
        [lost] = consumer.fetch(1, 0)
        heir = broker.consumer([QUEUE], id="heir", lease=LEASE)
        [taken] = heir.take_over(consumer.id)
        refused = Transition(delivery=lost, effects=(Effect(store, Release("a", "a")),))

        assert consumer.settle([refused]) == [refused]
        assert owners(store, "a") == {"a": "a"}

        settle(heir, [taken], effects=(Effect(store, Release("a", "a")),))
        assert owners(store, "a") == {}
        heir.close()
