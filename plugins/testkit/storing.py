"""Behaviours r01–r29: what a backend keeps, refuses and forgets."""

from __future__ import annotations

from functools import partial
from typing import Any

from kernelq.contracts import Backend

from .backend_bench import BackendBench
from .behaviour import requires
from .elsewhere import eventually, in_child, together
from .samples import outcome

SHORT = 0.2
"""Seconds an outcome is kept that a test sees outlived."""


class Storing(BackendBench):
    """Outcomes are kept as they are, and only the newest attempt may write."""

    def test_r01_a_stored_outcome_is_got_back(self, backend: Backend) -> None:
        stored = outcome("a", value=b"42", fence=1)

        assert list(backend.apply([stored])) == []

        assert backend.get_many(["a"]) == {"a": stored}

    def test_r02_every_field_of_an_outcome_survives(self, backend: Backend) -> None:
        stored = outcome("a", **_EVERY_FIELD)

        backend.apply([stored])

        assert backend.get_many(["a"]) == {"a": stored}

    def test_r03_unknown_ids_are_left_out(self, backend: Backend) -> None:
        backend.apply([outcome("a")])

        assert set(backend.get_many(["a", "never-seen"])) == {"a"}
        assert backend.get_many([]) == {}

    def test_r04_a_thousand_outcomes_are_stored_and_got_at_once(self, backend: Backend) -> None:
        outcomes = {str(i): outcome(str(i), value=b"%d" % i) for i in range(1000)}

        backend.apply(list(outcomes.values()))

        assert backend.get_many(list(outcomes)) == outcomes

    def test_r05_a_large_value_survives(self, backend: Backend) -> None:
        value = bytes(range(256)) * 4096

        backend.apply([outcome("a", value=value)])

        assert backend.get_many(["a"])["a"].value == value

    def test_r06_ids_may_be_unicode(self, backend: Backend) -> None:
        backend.apply([outcome("größe: ключ/🗝")])

        assert set(backend.get_many(["größe: ключ/🗝"])) == {"größe: ключ/🗝"}

    def test_r07_storing_nothing_is_allowed(self, backend: Backend) -> None:
        assert list(backend.apply([])) == []

    def test_r10_a_success_is_never_overwritten(self, backend: Backend) -> None:
        backend.apply([outcome("a", fence=1)])

        for state in ("FAILURE", "STARTED", "SUCCESS", "REVOKED"):
            backend.apply([outcome("a", state, fence=9, value=b"other")])

        assert backend.get_many(["a"]) == {"a": outcome("a", fence=1)}

    def test_r11_a_lower_fence_is_refused(self, backend: Backend) -> None:
        backend.apply([outcome("a", "STARTED", fence=2)])

        backend.apply([outcome("a", "FAILURE", fence=1)])
        backend.apply([outcome("a", "SUCCESS", fence=1)])

        assert backend.get_many(["a"])["a"].state == "STARTED"

    def test_r12_an_equal_fence_replaces(self, backend: Backend) -> None:
        backend.apply([outcome("a", "STARTED", fence=2)])

        backend.apply([outcome("a", "SUCCESS", fence=2)])

        assert backend.get_many(["a"])["a"].state == "SUCCESS"

    def test_r13_a_higher_fence_replaces_a_failure(self, backend: Backend) -> None:
        backend.apply([outcome("a", "FAILURE", fence=1)])

        backend.apply([outcome("a", "STARTED", fence=2)])

        assert backend.get_many(["a"]) == {"a": outcome("a", "STARTED", fence=2)}

    def test_r14_the_rule_holds_inside_one_batch(self, backend: Backend) -> None:
        backend.apply(
            [
                outcome("a", "STARTED", fence=2),
                outcome("a", "FAILURE", fence=1),
                outcome("b", "SUCCESS", fence=1),
                outcome("b", "FAILURE", fence=2),
                outcome("c", "STARTED", fence=1),
                outcome("c", "SUCCESS", fence=1),
            ]
        )

        states = {id: found.state for id, found in backend.get_many(["a", "b", "c"]).items()}
        assert states == {"a": "STARTED", "b": "SUCCESS", "c": "SUCCESS"}

    def test_r15_the_largest_fences_are_told_apart(self, backend: Backend) -> None:
        highest = 2**52
        backend.apply([outcome("a", "STARTED", fence=highest)])

        backend.apply([outcome("a", "FAILURE", fence=highest - 1)])

        assert backend.get_many(["a"])["a"].state == "STARTED"

    def test_r16_storing_the_same_again_changes_nothing(self, backend: Backend) -> None:
        batch = [outcome("a", fence=1, value=b"1"), outcome("b", "FAILURE", fence=1)]

        backend.apply(batch)
        backend.apply(batch)

        assert backend.get_many(["a", "b"]) == {each.id: each for each in batch}

    def test_r20_a_forgotten_outcome_is_gone(self, backend: Backend) -> None:
        backend.apply([outcome("a"), outcome("b")])

        backend.forget(["a", "never-seen"])

        assert set(backend.get_many(["a", "b"])) == {"b"}

    def test_r21_after_forgetting_any_fence_may_write(self, backend: Backend) -> None:
        backend.apply([outcome("a", fence=5)])
        backend.forget(["a"])

        backend.apply([outcome("a", "FAILURE", fence=1)])

        assert backend.get_many(["a"])["a"].state == "FAILURE"

    def test_r22_an_outcome_is_gone_after_its_ttl(self, backend: Backend) -> None:
        backend.apply([outcome("short", ttl=SHORT), outcome("long", ttl=3600.0), outcome("ever")])

        assert eventually(lambda: "short" not in backend.get_many(["short"]))
        assert set(backend.get_many(["short", "long", "ever"])) == {"long", "ever"}

    def test_r23_cleaning_up_drops_only_what_was_outlived(self, backend: Backend) -> None:
        backend.apply([outcome("short", ttl=SHORT), outcome("long", ttl=3600.0), outcome("ever")])
        assert eventually(lambda: "short" not in backend.get_many(["short"]))

        backend.cleanup()

        assert set(backend.get_many(["short", "long", "ever"])) == {"long", "ever"}
        assert backend.cleanup() == 0

    def test_r24_many_threads_store_at_once(self, backend: Backend) -> None:
        def store(thread: int) -> None:
            for i in range(20):
                backend.apply([outcome(f"{thread}-{i}"), outcome("shared", "STARTED", fence=i)])

        together([partial(store, thread) for thread in range(8)])

        wanted = [f"{thread}-{i}" for thread in range(8) for i in range(20)]
        assert len(backend.get_many(wanted)) == len(wanted)
        assert backend.get_many(["shared"])["shared"].fence == 19

    def test_r25_a_closed_backend_opens_again_by_itself(self, backend: Backend) -> None:
        backend.apply([outcome("a")])
        backend.close()

        assert set(backend.get_many(["a"])) == {"a"}

    @requires("processes")
    def test_r26_a_forked_child_stores(self, backend: Backend) -> None:
        backend.apply([outcome("parent")])

        in_child(partial(backend.apply, [outcome("child")]))

        assert set(backend.get_many(["parent", "child"])) == {"parent", "child"}


_EVERY_FIELD: dict[str, Any] = {
    "state": "FAILURE",
    "fence": 3,
    "value": bytes(range(256)),
    "content_type": "application/x-test",
    "traceback": "Traceback …\nValueError: größe",
    "reason": "timed_out",
    "task": "tests.add",
    "worker": "worker@host",
    "retries": 2,
    "done_at": 1_700_000_000.125,
    "ttl": 86_400.0,
    "parent_id": "parent",
    "root_id": "root",
    "group_id": "group",
    "children": (["child", None], [["nested", ["group", None]], []]),
    "extra": {"args": [1, "two"], "queue": "q", "stamps": {"build": 7}},
}
