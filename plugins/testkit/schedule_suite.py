"""The schedule suite: every behaviour of the schedule store's contract, for one driver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from kernelq import KernelQ
from kernelq.beat import Claim, Ended, Mark, NotLeading, Open, ScheduleStore, Sent
from kernelq.contracts import Effect, Transition, load_driver

from .samples import message

LONG = 60.0
"""Seconds a lease lasts that does not end while a test runs."""
T = 1_790_000_000.123456
"""An instant, with microseconds."""
KEY = "code:größe: ä"


class ScheduleStoreSuite:
    """Subclass it in a test file as ``class TestMySchedules(ScheduleStoreSuite)`` and say `url` or `make_url`."""

    url: ClassVar[str] = ""
    """The URL of an engine that is empty for every test; or override `make_url`."""
    has_broker: ClassVar[bool] = True
    """Whether there is a broker at the same URL."""

    def make_url(self, folder: Path) -> str:
        """The URL of an empty engine; `folder` is an empty directory to keep it in."""
        assert self.url, f"{type(self).__name__} says neither `url` nor `make_url`"
        return self.url

    def make_app(self, url: str) -> KernelQ:
        """The app whose store is tested; its broker is at the same URL, if there is one."""
        return KernelQ("conformance", broker=url if self.has_broker else "memory://", set_as_current=False)

    def make_store(self, app: KernelQ, url: str) -> ScheduleStore:
        """The store that is tested: the driver for the URL."""
        driver: Any = load_driver("schedule store", url.partition("://")[0].partition("+")[0])
        store: ScheduleStore = driver(app, url)
        return store

    @pytest.fixture
    def engine_url(self, tmp_path: Path) -> str:
        return self.make_url(tmp_path)

    @pytest.fixture
    def app(self, engine_url: str) -> Iterator[KernelQ]:
        with self.make_app(engine_url) as app:
            yield app

    @pytest.fixture
    def store(self, app: KernelQ, engine_url: str) -> Iterator[ScheduleStore]:
        store = self.make_store(app, engine_url)
        yield store
        store.close()

    @pytest.fixture
    def other(self, app: KernelQ, engine_url: str) -> Iterator[ScheduleStore]:
        """Another beat's store at the same URL."""
        store = self.make_store(app, engine_url)
        yield store
        store.close()

    # --- who leads

    def test_s10_one_leads_and_others_do_not(self, store: ScheduleStore, other: ScheduleStore) -> None:
        assert store.lead("one", LONG) is not None
        assert other.lead("two", LONG) is None

    def test_s11_who_leads_goes_on_under_the_same_fence(self, store: ScheduleStore) -> None:
        assert store.lead("one", LONG) == store.lead("one", LONG)

    def test_s12_who_resigned_is_followed_at_once_under_a_higher_fence(
        self, store: ScheduleStore, other: ScheduleStore
    ) -> None:
        first = store.lead("one", LONG)
        store.resign("one")
        second = other.lead("two", LONG)
        assert first is not None
        assert second is not None
        assert second > first

    def test_s13_resigning_without_leading_changes_nothing(self, store: ScheduleStore, other: ScheduleStore) -> None:
        store.lead("one", LONG)
        other.resign("two")
        assert other.lead("two", LONG) is None

    def test_s14_a_leader_that_was_followed_claims_nothing(self, store: ScheduleStore, other: ScheduleStore) -> None:
        first = _led(store, "one")
        store.resign("one")
        other.lead("two", LONG)
        with pytest.raises(NotLeading):
            store.claim(Claim(key=KEY, seen=None, last=T), fence=first)
        assert store.board().marks == {}

    def test_s15_who_never_led_claims_nothing(self, store: ScheduleStore) -> None:
        with pytest.raises(NotLeading):
            store.claim(Claim(key=KEY, seen=None, last=T), fence=1)

    def test_s16_apps_of_other_namespaces_see_nothing_of_each_other(
        self, store: ScheduleStore, app: KernelQ, engine_url: str
    ) -> None:
        if not store.is_shared:
            return  # who keeps a file of its own needs no more
        with self.make_app(engine_url) as stranger_app:
            stranger_app.conf.beat_namespace = "stranger"
            stranger = self.make_store(stranger_app, engine_url)
            fence, other_fence = _led(store, "one"), _led(stranger, "two")
            assert store.claim(Claim(key=KEY, seen=None, last=T, message=message("a")), fence=fence)
            assert stranger.claim(Claim(key=KEY, seen=None, last=T + 1), fence=other_fence)
            assert store.put("mine", {"task": "t"}, is_new=True)
            assert stranger.put("mine", {"task": "u"}, is_new=True)
            stranger.apply([Ended(key=KEY, instant=T)])
            stranger.pause(KEY, True, now=T)
            assert stranger.remove("store:mine")
            stranger.resign("two")
            seen, theirs, version = store.board(), stranger.board(), store.version()
            stranger.put("other", {"task": "u"}, is_new=True)
            assert store.version() == version
            assert store.claim(Claim(key=KEY, seen=T, last=T + 2), fence=fence)
            stranger.close()
        assert (seen.entries, seen.marks) == ({"mine": {"task": "t"}}, {KEY: Mark(last=T, count=1)})
        assert [(one.key, one.instant) for one in seen.open] == [(KEY, T)]
        assert (theirs.entries, theirs.marks, list(theirs.open)) == ({}, {KEY: Mark(last=T + 1, paused=True)}, [])

    # --- claims

    def test_s20_a_claim_begins_a_mark_and_the_next_one_moves_it(self, store: ScheduleStore) -> None:
        fence = _led(store)
        assert store.claim(Claim(key=KEY, seen=None, last=T), fence=fence)
        assert store.claim(Claim(key=KEY, seen=T, last=T + 0.1, message=message("a")), fence=fence)
        assert store.board().marks == {KEY: Mark(last=T + 0.1, count=1)}

    def test_s21_of_two_claims_that_saw_the_same_one_is_done(self, store: ScheduleStore) -> None:
        fence = _led(store)
        store.claim(Claim(key=KEY, seen=None, last=T), fence=fence)
        assert store.claim(Claim(key=KEY, seen=T, last=T + 1), fence=fence)
        assert not store.claim(Claim(key=KEY, seen=T, last=T + 2), fence=fence)
        assert not store.claim(Claim(key=KEY, seen=None, last=T + 2), fence=fence)
        assert store.board().marks[KEY].last == T + 1

    def test_s22_a_claimed_message_is_kept_until_it_is_said_to_be_sent(self, store: ScheduleStore) -> None:
        fence = _led(store)
        store.claim(Claim(key=KEY, seen=None, last=T, message=message("a")), fence=fence)
        assert store.board().open == [Open(key=KEY, instant=T, message=message("a"))]
        store.apply([Sent(key=KEY, instant=T)])
        assert store.board().open == []

    def test_s23_a_watched_occurrence_stays_open_until_its_task_has_ended(self, store: ScheduleStore) -> None:
        fence = _led(store)
        store.claim(Claim(key=KEY, seen=None, last=T, message=message("a"), watched=True), fence=fence)
        store.apply([Sent(key=KEY, instant=T)])
        assert store.board().open == [Open(key=KEY, instant=T)]
        store.apply([Ended(key=KEY, instant=T)])
        assert store.board().open == []

    def test_s24_the_end_of_what_is_not_known_is_no_error(self, store: ScheduleStore) -> None:
        store.apply([Ended(key=KEY, instant=T), Sent(key=KEY, instant=T)])
        assert store.board().open == []

    def test_s25_what_is_open_comes_oldest_first(self, store: ScheduleStore) -> None:
        fence = _led(store)
        for i, key in enumerate(("code:b", "code:a", "code:c")):
            store.claim(Claim(key=key, seen=None, last=T - i, message=message(key)), fence=fence)
        assert [one.key for one in store.board().open] == ["code:c", "code:a", "code:b"]

    def test_s26_a_claim_publishes_in_the_same_step_where_broker_and_store_are_one(
        self, app: KernelQ, store: ScheduleStore
    ) -> None:
        if not store.publishes_with(app.broker):
            pytest.skip("not on one engine with a broker")
        fence = _led(store)
        claim = Claim(key=KEY, seen=None, last=T, message=message("a"))
        assert store.claim(claim, fence=fence, broker=app.broker)
        assert not store.claim(claim, fence=fence, broker=app.broker)
        assert [queue.ready for queue in app.broker.queues()] == [1]
        assert store.board().open == []

    def test_s27_who_does_not_lead_publishes_nothing(self, app: KernelQ, store: ScheduleStore) -> None:
        if not store.publishes_with(app.broker):
            pytest.skip("not on one engine with a broker")
        fence = _led(store)
        with pytest.raises(NotLeading):
            store.claim(Claim(key=KEY, seen=None, last=T, message=message("a")), fence=fence + 1, broker=app.broker)
        assert [queue for queue in app.broker.queues() if queue.ready] == []

    def test_s28_the_end_of_a_task_is_told_with_its_settlement(self, app: KernelQ, store: ScheduleStore) -> None:
        if not store.publishes_with(app.broker):
            pytest.skip("not on one engine with a broker")
        fence, sent = _led(store), message("a")
        store.claim(Claim(key=KEY, seen=None, last=T, message=sent, watched=True), fence=fence, broker=app.broker)
        assert store.board().open == [Open(key=KEY, instant=T)]
        consumer = app.broker.consumer([sent.queue], id="c", lease=LONG)
        [delivery] = consumer.fetch(1, 1.0)
        consumer.settle([Transition(delivery=delivery, effects=(Effect(store, Ended(key=KEY, instant=T)),))])
        consumer.close()
        assert store.board().open == []

    # --- entries

    def test_s30_entries_are_put_once_and_changed_where_they_are(self, store: ScheduleStore) -> None:
        assert store.put("ä", {"task": "t", "args": [1, None]}, is_new=True)
        assert not store.put("ä", {"task": "other"}, is_new=True)
        assert not store.put("b", {"task": "other"}, is_new=False)
        assert store.put("ä", {"task": "u"}, is_new=False)
        assert store.board().entries == {"ä": {"task": "u"}}

    def test_s31_a_removed_entry_leaves_nothing(self, store: ScheduleStore) -> None:
        fence = _led(store)
        store.put("a", {"task": "t"}, is_new=True)
        store.claim(Claim(key="store:a", seen=None, last=T, message=message("a")), fence=fence)
        store.claim(Claim(key="code:a", seen=None, last=T, message=message("b")), fence=fence)
        assert store.remove("store:a")
        assert not store.remove("store:a")
        board = store.board()
        assert (board.entries, list(board.marks), [one.key for one in board.open]) == ({}, ["code:a"], ["code:a"])

    def test_s32_a_paused_entry_goes_on_from_when_it_is_resumed(self, store: ScheduleStore) -> None:
        fence = _led(store)
        store.claim(Claim(key=KEY, seen=None, last=T), fence=fence)
        store.pause(KEY, True, now=T + 5)
        assert store.board().marks == {KEY: Mark(last=T, paused=True)}
        store.pause(KEY, False, now=T + 9)
        assert store.board().marks == {KEY: Mark(last=T + 9)}

    def test_s33_an_entry_may_be_paused_before_anybody_saw_it(self, store: ScheduleStore) -> None:
        store.pause(KEY, True, now=T)
        assert store.board().marks == {KEY: Mark(last=T, paused=True)}

    def test_s34_a_claim_keeps_an_entry_paused(self, store: ScheduleStore) -> None:
        fence = _led(store)
        store.pause(KEY, True, now=T)
        store.claim(Claim(key=KEY, seen=T, last=T + 1), fence=fence)
        assert store.board().marks == {KEY: Mark(last=T + 1, paused=True)}

    def test_s35_the_version_changes_with_entries_and_not_with_claims(self, store: ScheduleStore) -> None:
        fence = _led(store)
        versions = [store.version()]
        store.put("a", {"task": "t"}, is_new=True)
        versions.append(store.version())
        store.pause("store:a", True, now=T)
        versions.append(store.version())
        store.remove("store:a")
        versions.append(store.version())
        assert len(set(versions)) == 4
        store.claim(Claim(key=KEY, seen=None, last=T), fence=fence)
        assert store.version() == versions[-1] == store.board().version

    def test_s36_everybody_sees_the_same(self, store: ScheduleStore, other: ScheduleStore) -> None:
        store.put("a", {"task": "t"}, is_new=True)
        assert other.board() == store.board()


class EndingLeases:
    """For stores whose leaders have a lease: a suite beside the others."""

    def test_s40_a_leader_whose_lease_has_ended_is_followed_and_claims_nothing(
        self, store: ScheduleStore, other: ScheduleStore
    ) -> None:
        first = store.lead("one", 0.001)
        assert first is not None
        second = _led(other, "two", patience=10_000)
        assert second > first
        with pytest.raises(NotLeading):
            store.claim(Claim(key=KEY, seen=None, last=T), fence=first)

    def test_s41_a_leader_whose_lease_has_ended_claims_nothing_even_if_nobody_followed(
        self, store: ScheduleStore
    ) -> None:
        fence = store.lead("one", 0.001)
        assert fence is not None
        for _ in range(10_000):
            try:
                store.claim(Claim(key=KEY, seen=None, last=T), fence=fence)
            except NotLeading:
                return
            store.remove(KEY)
        raise AssertionError("a lease of a millisecond did not end")


def _led(store: ScheduleStore, holder: str = "one", patience: int = 1) -> int:
    """The fence of a leader, as soon as it is one."""
    for _ in range(patience):
        fence = store.lead(holder, LONG)
        if fence is not None:
            return fence
    raise AssertionError("it does not lead")
