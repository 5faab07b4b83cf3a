"""The chart: how many times better than the fastest peer each row is, as SVG on a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from .report import Line
from .table import short

WIDTH = 960
LABELS = 400
"""Pixels left of the axis."""

RIGHT = 90
ROW = 24
TOP = 56

COLOURS = {"": "#7f8c9b", "short": "#c0504d", "reached": "#4f8f5b", "wanted": "#2f7a44"}
TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


def chart(report: Sequence[Line], title: str) -> str:
    """An SVG document with a bar for each row that has a peer beside it."""
    bars = [(line, line.factor) for line in report]
    shown = [(line, factor) for line, factor in bars if factor]
    least = min([0.5, *(factor for _, factor in shown)])
    most = max([2.0, *(factor for _, factor in shown)])
    low, high = math.log10(least) - 0.05, math.log10(most) + 0.05
    height = TOP + ROW * len(shown) + 30

    def across(factor: float) -> float:
        return LABELS + (math.log10(factor) - low) / (high - low) * (WIDTH - LABELS - RIGHT)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(16, 24, "KernelQ beside the fastest peer: times better", weight="bold"),
        _text(16, 42, title, size=11),
    ]
    for tick in TICKS:
        if least <= tick <= most:
            parts.append(_rule(across(tick), TOP - 4, height - 24, "#333333" if tick == 1 else "#dddddd"))
            parts.append(_text(across(tick), height - 8, f"{tick:g}×", anchor="middle", size=11))
    for i, (line, factor) in enumerate(shown):
        top = TOP + ROW * i
        begin, end = sorted((across(1), across(factor)))
        parts.append(_text(LABELS - 10, top + 15, f"{line.label} {line.title}", anchor="end"))
        parts.append(
            f'<rect x="{begin:.1f}" y="{top + 4}" width="{max(1.0, end - begin):.1f}" height="{ROW - 8}" '
            f'fill="{COLOURS[line.verdict]}"/>'
        )
        parts.append(_text(end + 6, top + 15, f"{short(factor)}× {line.rival}", size=11))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 13, weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" '
        f'fill="#222222">{escape(text)}</text>'
    )


def _rule(x: float, top: float, bottom: float, colour: str) -> str:
    return f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="{colour}"/>'
