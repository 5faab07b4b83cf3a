"""A workflow as an SVG that needs nothing beside it: no Graphviz, no font, no style sheet."""

from __future__ import annotations

from xml.sax.saxutils import escape

from .colours import DEEP, KINDS, PALE
from .layout import HEIGHT, PADDING, Arrow, Box, Frame, scene_of
from .text import summary
from .workflow import Workflow

MARGIN = 20.0
HEAD = 30.0
"""Pixels for the line above the drawing."""

NARROWEST = 460.0
"""Pixels that this line needs."""


def as_svg(workflow: Workflow) -> str:
    """The drawing, in colours for light or dark, as the reader's system has it."""
    scene = scene_of(workflow)
    width = max(scene.width, NARROWEST) + 2 * MARGIN
    height = scene.height + HEAD + 2 * MARGIN
    title = _clean(f"workflow {workflow.id}: {summary(workflow)}")
    left = (width - scene.width) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}">',
        f"<title>{title}</title>",
        f"<style>{_style()}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>',
        '<rect class="paper" width="100%" height="100%"/>',
        f'<text class="head" x="{MARGIN:.0f}" y="{MARGIN + 8:.0f}">{title}</text>',
        f'<g transform="translate({left:.1f} {HEAD + MARGIN:.1f})">',
        *map(_frame, scene.frames),
        *map(_arrow, scene.arrows),
        *map(_box, scene.boxes),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _frame(frame: Frame) -> str:
    return (
        f'<rect class="frame" x="{frame.x:.1f}" y="{frame.y:.1f}" width="{frame.width:.1f}" height="{frame.height:.1f}" rx="9"/>'
        f'<text class="small" x="{frame.x + PADDING:.1f}" y="{frame.y + 18:.1f}">{_clean(frame.title)}</text>'
    )


def _arrow(arrow: Arrow) -> str:
    return f'<line x1="{arrow.x:.1f}" y1="{arrow.y:.1f}" x2="{arrow.end_x:.1f}" y2="{arrow.end_y - 1:.1f}"/>'


def _box(box: Box) -> str:
    middle = box.x + box.width / 2
    rect = f'y="{{y:.1f}}" width="{box.width:.1f}" height="{HEIGHT:.0f}" rx="7"/>'
    behind = f'<rect class="{box.kind}" x="{box.x + 4:.1f}" ' + rect.format(y=box.y + 4) if box.is_many else ""
    return (
        f"<g><title>{_clean(box.hint)}</title>{behind}"
        f'<rect class="{box.kind}" x="{box.x:.1f}" {rect.format(y=box.y)}'
        f'<text class="in" x="{middle:.1f}" y="{box.y + (17 if box.state else 24):.1f}">{_clean(box.name)}</text>'
        + (
            f'<text class="in small" x="{middle:.1f}" y="{box.y + 32:.1f}">{_clean(box.state)}</text>'
            if box.state
            else ""
        )
        + "</g>"
    )


def _style() -> str:
    # Plain rules twice and no variables: many programs that show pictures know none.
    return (
        "text{font:12px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace}.in{text-anchor:middle}"
        ".head{font-weight:bold}.small{font-size:11px}.frame{fill:none;stroke-dasharray:4 3}"
        "line{stroke-width:1.4;marker-end:url(#tip)}"
        f"{_rules('#ffffff', '#1c2128', '#8a929c', PALE)}"
        f"@media (prefers-color-scheme:dark){{{_rules('#14181d', '#e8ebee', '#7d8792', DEEP)}}}"
    )


def _rules(paper: str, ink: str, faint: str, fills: dict[str, str]) -> str:
    return f".paper{{fill:{paper}}}text{{fill:{ink}}}.tip{{fill:{faint}}}.frame,line{{stroke:{faint}}}" + "".join(
        f".{kind}{{fill:{fills[kind]};stroke:{faint}}}" for kind in KINDS
    )


def _clean(text: str) -> str:
    """Text for XML, which has no place for control characters."""
    return escape("".join(one if one.isprintable() else repr(one)[1:-1] for one in text))
