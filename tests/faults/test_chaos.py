"""Chaos, briefly, on each engine; ``scripts/chaos`` does it for as long as you like."""

from __future__ import annotations

import pytest
from faults.chaos import Chaos, Plan
from faults.engines import ALL, on

pytestmark = pytest.mark.faults

SEEDS = {"sqlite": 11, "redis": 12, "postgresql": 13, "amqp": 14}


@on(ALL)
def test_nothing_is_lost_or_doubled_in_some_seconds_of_chaos(yard, engine):
    """Promises 1 to 3, A1 to A6, B1, B3, B5 to B7, B9, B10."""
    plan = Plan(seed=SEEDS[engine], seconds=8.0, every=0.7, lease=3.0, rate=100.0)

    report = Chaos(yard, plan, say=print).run()

    print(report)
    assert [str(violation) for violation in report.violations] == [], (
        f"scripts/chaos --engine {engine} --seed {plan.seed}"
    )
    assert report.injected
