"""Outcomes: their blob form, and which may replace which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernelq.contracts import (
    FAILURE,
    PENDING,
    RETRY,
    REVOKED,
    STARTED,
    SUCCESS,
    Outcome,
    accepts,
    fence_of,
    pack_outcome,
    unpack_outcome,
)


def outcome(state: str, fence: int = 0) -> Outcome:
    return Outcome(id="i1", state=state, fence=fence)


@pytest.mark.parametrize(
    ("stored", "new", "expected"),
    [
        (None, outcome(FAILURE), True),
        (outcome(STARTED, 1), outcome(SUCCESS, 1), True),
        (outcome(STARTED, 2), outcome(SUCCESS, 1), False),
        (outcome(FAILURE, 1), outcome(SUCCESS, 2), True),
        (outcome(FAILURE, 1), outcome(FAILURE, 1), True),
        (outcome(SUCCESS, 1), outcome(SUCCESS, 2), False),
        (outcome(SUCCESS, 1), outcome("PROGRESS", 1), False),
    ],
    ids=[
        "the first",
        "the same attempt goes on",
        "a stale attempt",
        "a later attempt over a failure",
        "the same written again",
        "nothing over a success",
        "no state over a success",
    ],
)
def test_what_may_replace_what(stored: Outcome | None, new: Outcome, expected: bool) -> None:
    assert accepts(stored, new) is expected


@given(st.integers(0, 1000), st.integers(0, 2**20 - 1), st.integers(0, 1000), st.integers(0, 2**20 - 1))
def test_fences_are_ordered_by_retries_and_then_by_claims(retries: int, claims: int, more: int, others: int) -> None:
    assert (fence_of(retries, claims) < fence_of(more, others)) == ((retries, claims) < (more, others))


@pytest.mark.parametrize(
    ("state", "is_ready"),
    [(SUCCESS, True), (FAILURE, True), (REVOKED, True), (PENDING, False), (RETRY, False), ("PROGRESS", False)],
)
def test_success_failure_and_revoked_are_the_ends(state: str, is_ready: bool) -> None:
    assert outcome(state).is_ready is is_ready


def test_a_packed_outcome_comes_back_equal() -> None:
    full = Outcome(
        id="i1",
        state=FAILURE,
        fence=3,
        value=b"{}",
        traceback="…",
        reason="crashed",
        done_at=1.5,
        ttl=2.0,
        children=("i2",),
        extra={"queue": "mail"},
    )

    assert unpack_outcome(pack_outcome(full)) == full
