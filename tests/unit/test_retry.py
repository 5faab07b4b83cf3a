"""Backoff and the waits between tries."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernelq.contracts import intervals
from kernelq_plugins.retries.backoff import backoff


@pytest.mark.parametrize(
    ("factor", "retries", "maximum", "seconds"),
    [(1, 0, 600, 1), (1, 3, 600, 8), (5, 2, 600, 20), (1, 20, 600, 600), (3, 10_000, 600, 600), (1, 4, 10.5, 10)],
)
def test_without_jitter_the_wait_doubles_up_to_the_most(
    factor: int, retries: int, maximum: float, seconds: int
) -> None:
    assert backoff(factor, retries, maximum, jitter=False) == seconds


@given(st.integers(1, 10), st.integers(0, 100), st.integers(0, 1000))
def test_with_jitter_the_wait_lies_between_nothing_and_the_full_one(factor: int, retries: int, maximum: int) -> None:
    assert 0 <= backoff(factor, retries, maximum) <= backoff(factor, retries, maximum, jitter=False)


def test_jitter_may_take_nothing_and_all() -> None:
    assert backoff(1, 3, 600, pick=lambda n: 0) == 0
    assert backoff(1, 3, 600, pick=lambda n: n - 1) == 8


def test_intervals_grow_by_steps_up_to_the_most_and_a_fifth_around_it() -> None:
    waits = list(islice(intervals(0.0, 1.0, 2.5), 6))

    for wait, plain in zip(waits, [0.0, 1.0, 2.0, 2.5, 2.5, 2.5], strict=True):
        assert plain * 0.8 <= wait <= plain * 1.2
