"""The report: medians and ranges, as a Markdown table."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from measures import ROWS, Row
from peers import PEERS

Runs = Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]]
"""Measure → peer → what each repeat gave."""

OURS, *OTHERS = [peer.name for peer in PEERS]


def values(runs: Runs, row: Row, peer: str) -> list[float]:
    """A row's numbers of one peer, repeat by repeat; empty when it was not measured."""
    measure, _, number = row.key.partition(".")
    return [repeat[number] for repeat in runs.get(measure, {}).get(peer, ())]


def ratios(runs: Runs) -> dict[str, dict[str, float]]:
    """Row → peer → median of KernelQ divided by the median of that peer."""
    found: dict[str, dict[str, float]] = {}
    for row in ROWS:
        ours = values(runs, row, OURS)
        for peer in OTHERS:
            theirs = values(runs, row, peer)
            if ours and theirs:
                found.setdefault(row.key, {})[peer] = statistics.median(ours) / statistics.median(theirs)
    return found


def table(outcome: Mapping[str, Any]) -> str:
    """The outcome of a run in Markdown: what was run, then one line per row, then the guarantees."""
    runs, compared = outcome["runs"], ratios(outcome["runs"])
    head = ["", *(outcome["versions"][peer.name] for peer in PEERS), *(f"÷ {peer}" for peer in OTHERS), "wanted"]
    about = f"{outcome['machine']}, load {outcome['load_before']:.1f} before; {outcome['settings']}"
    lines = [about, "", _line(head), _line(["---"] * len(head))]
    for row in ROWS:
        cells = [f"{row.title} ({row.unit})", *(_spread(values(runs, row, peer.name)) for peer in PEERS)]
        found = compared.get(row.key, {})
        cells += [f"{found[peer]:.2f}" if peer in found else "" for peer in OTHERS]
        lines.append(_line([*cells, _verdict(row, found.values())]))
    lines += ["", *(f"- {peer.name}: {peer.guarantee}" for peer in PEERS)]
    repeated = sum(
        repeat.get("repeated", 0) for peers in runs.values() for repeats in peers.values() for repeat in repeats
    )
    return "\n".join([*lines, f"- tasks that ran more than once: {repeated:g}"])


def _verdict(row: Row, found: Iterable[float]) -> str:
    if row.wanted is None:
        return ""
    met = all(row.is_met(ratio) for ratio in found)
    return f"{'≤' if row.is_time else '≥'} {row.wanted:g}{'' if met else ' **missed**'}"


def _spread(numbers: Sequence[float]) -> str:
    if not numbers:
        return ""
    median = _short(statistics.median(numbers))
    return median if len(numbers) == 1 else f"{median} [{_short(min(numbers))}–{_short(max(numbers))}]"


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
