"""The report as Markdown: the table, the delivery guarantees, and every number of every peer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .peers import BY_NAME
from .report import LIMIT, Line, Runs, Spread, lines, repeated, spread

SIGNS = {"": "", "short": "✗ short", "reached": "✓", "wanted": "✓ wanted"}


def page(outcome: Mapping[str, Any]) -> str:
    """The whole page of one run."""
    report = lines(outcome["runs"])
    parts = [
        "# The latest run",
        "Written by `scripts/bench`; [Benchmarks](../benchmarks.md) says what the rows are and how to read them.",
        about(outcome),
        "![KernelQ beside the fastest peer of each row](latest.svg)",
        comparison(report),
        "## Who guarantees what",
        guarantees(outcome),
        "## Every peer",
        "\n\n".join(every_peer(outcome["runs"])),
        *_notes(outcome),
    ]
    return "\n\n".join(parts) + "\n"


def about(outcome: Mapping[str, Any]) -> str:
    """When, where and how, in a sentence."""
    return f"{outcome['date']}, {outcome['machine']}; {outcome['settings']}. Median [least–most]; the load was {outcome['load']:.1f} at the beginning."


def comparison(report: Sequence[Line]) -> str:
    """One line per row."""
    rows = [
        (
            line.label,
            line.title,
            _cell(line.ours, line.unit),
            _cell(line.theirs, line.unit),
            line.rival or "",
            "" if line.ratio is None else f"**{short(line.ratio)} ×**",
            line.at_least,
            line.wanted,
            SIGNS[line.verdict],
            "" if line.limit is None else short(line.limit),
        )
        for line in report
    ]
    head = ("", "measure", "KernelQ", "fastest peer", "which", "ratio", "at least", "wanted", "", "limit")
    return grid(head, rows)


def summary(outcome: Mapping[str, Any]) -> str:
    """What the README shows: KernelQ beside the fastest peer, with that one's guarantee."""
    rows = [
        (
            line.title,
            f"{short(line.ours.median)} {line.unit}".strip(),
            "" if line.theirs is None else f"{short(line.theirs.median)} {line.unit}".strip(),
            f"{line.rival}, {BY_NAME[line.rival].guarantee}",
            "" if line.ratio is None else f"{short(line.ratio)} ×",
        )
        for line in lines(outcome["runs"])
        if line.rival is not None
    ]
    told = (
        f"{outcome['date']}, {outcome['machine']}, {outcome['settings']}. KernelQ delivers at least once in every row."
    )
    return f"{told}\n\n{grid(('', 'KernelQ', 'fastest peer', 'which', 'ratio'), rows)}"


def guarantees(outcome: Mapping[str, Any]) -> str:
    """One line per peer that was measured."""
    rows = [
        (name, peer.guarantee, peer.details, peer.serializer, outcome["versions"].get(peer.home, ""))
        for name, peer in BY_NAME.items()
        if any(name in peers for peers in outcome["runs"].values())
    ]
    return grid(("peer", "delivery", "how", "arguments", "versions"), rows)


def every_peer(runs: Runs) -> list[str]:
    """One table per measure: each peer's numbers, and those of the limit."""
    tables = []
    for measure, peers in runs.items():
        numbers = list(dict.fromkeys(number for repeats in peers.values() for each in repeats for number in each))
        rows = [(peer, *(_cell(spread(runs, measure, peer, number), "") for number in numbers)) for peer in peers]
        title = "The limit: Python with redis-py, hiredis and msgspec" if measure == LIMIT else measure
        tables.append(f"### {title}\n\n{grid(('', *numbers), rows)}")
    return tables


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def short(number: float) -> str:
    """Three digits, or whole numbers from 100 on."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def _cell(found: Spread | None, unit: str) -> str:
    if found is None:
        return ""
    text = f"{short(found.median)} {unit}".strip()
    return text if found.repeats == 1 else f"{text} [{short(found.least)}–{short(found.most)}]"


def _notes(outcome: Mapping[str, Any]) -> list[str]:
    again = ", ".join(f"{peer} {count}" for peer, count in repeated(outcome["runs"]).items())
    notes = [f"Tasks that ran more than once: {again or 'none'}."]
    for title, what in (("Left out", outcome["skipped"]), ("Failed", outcome["failed"])):
        if what:
            notes.append(f"## {title}\n\n" + "\n".join(f"- {' '.join(each.split())}" for each in what))
    return notes
