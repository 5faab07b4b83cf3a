"""The report of a run: of each row, KernelQ, the fastest peer, the ratio, and whether that is what is wanted."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .rows import ROWS, Goal, Row

Runs = Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]]
"""Measure → peer → what each repeat gave."""

LIMIT = "limit"
"""The measure, and its peer, that the limit is kept under."""

VERDICTS = ("short", "reached", "wanted")
"""Less than is asked for at least; that; all that is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The repeats of one number."""

    median: float
    least: float
    most: float
    repeats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row with its numbers. `ratio` is KernelQ ÷ the fastest peer; None without one, or where that one's number is 0."""

    label: str
    title: str
    unit: str
    is_cost: bool
    ours: Spread
    rival: str | None
    theirs: Spread | None
    ratio: float | None
    at_least: str
    wanted: str
    verdict: str
    """One of `VERDICTS`, or nothing where nothing is asked."""
    limit: float | None

    @property
    def factor(self) -> float | None:
        """How many times better than the fastest peer: the ratio, upside down for costs."""
        return 1 / self.ratio if self.ratio and self.is_cost else self.ratio


def spread(runs: Runs, measure: str, peer: str, number: str) -> Spread | None:
    """The repeats of a number, None when it was not measured."""
    values = [repeat[number] for repeat in runs.get(measure, {}).get(peer, ()) if number in repeat]
    if not values:
        return None
    return Spread(median=statistics.median(values), least=min(values), most=max(values), repeats=len(values))


def lines(runs: Runs, rows: Sequence[Row] = ROWS) -> list[Line]:
    """All rows that KernelQ was measured for, in their order."""
    return [line for row in rows if (line := _line(runs, row)) is not None]


def as_data(report: Sequence[Line]) -> list[dict[str, Any]]:
    """The same for JSON."""
    return [asdict(line) for line in report]


def repeated(runs: Runs) -> dict[str, int]:
    """Peer → tasks that ran more than once; only those that had some."""
    found: dict[str, int] = {}
    for peers in runs.values():
        for peer, repeats in peers.items():
            found[peer] = found.get(peer, 0) + int(sum(repeat.get("repeated", 0) for repeat in repeats))
    return {peer: count for peer, count in found.items() if count}


def verdict(row: Row, value: float, ratio: float | None) -> str:
    """How a row did: see `VERDICTS`. A ratio that could not be had reaches no goal, unless KernelQ's cost is 0 itself."""
    if row.at_least is None and row.wanted is None:
        return ""
    if row.at_least is not None and not _is_met(row.at_least, row, value, ratio):
        return "short"
    if row.wanted is not None and _is_met(row.wanted, row, value, ratio):
        return "wanted"
    return "short" if row.at_least is None else "reached"


def _line(runs: Runs, row: Row) -> Line | None:
    ours = spread(runs, row.measure, row.ours, row.number)
    if ours is None:
        return None
    rival, theirs = _fastest(runs, row)
    ratio = ours.median / theirs.median if theirs is not None and theirs.median else None
    limit = spread(runs, LIMIT, LIMIT, row.limit) if row.limit else None
    has_goals = rival is not None or (row.at_least or row.wanted or Goal(number=0)).is_value
    return Line(
        label=row.label,
        title=row.title,
        unit=row.unit,
        is_cost=row.is_cost,
        ours=ours,
        rival=rival,
        theirs=theirs,
        ratio=ratio,
        at_least=_goal_text(row, row.at_least),
        wanted=_goal_text(row, row.wanted),
        verdict=verdict(row, ours.median, ratio) if has_goals else "",
        limit=None if limit is None else limit.median,
    )


def _fastest(runs: Runs, row: Row) -> tuple[str | None, Spread | None]:
    found = {
        name: measured for name in row.rivals() if (measured := spread(runs, row.measure, name, row.number)) is not None
    }
    if not found:
        return None, None
    best = min if row.is_cost else max
    name = best(found, key=lambda peer: found[peer].median)
    return name, found[name]


def _is_met(goal: Goal, row: Row, value: float, ratio: float | None) -> bool:
    reached = value if goal.is_value else ratio
    if reached is None:
        return row.is_cost and value == 0
    return reached <= goal.number if row.is_cost else reached >= goal.number


def _goal_text(row: Row, goal: Goal | None) -> str:
    if goal is None:
        return ""
    sign = "≤" if row.is_cost else "≥"
    return (
        f"{sign} {goal.number:g}{' ' + row.unit if row.unit else ''}" if goal.is_value else f"{sign} {goal.number:g} ×"
    )
