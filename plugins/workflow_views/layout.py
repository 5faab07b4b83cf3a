"""Where everything of a drawing goes: chains down, groups side by side, a chord's header above its body."""

from __future__ import annotations

from dataclasses import dataclass, field

from .colours import kind_of
from .folding import Fold, folded
from .plan import Chain, Chord, Group, Node, Task
from .workflow import Standing, Workflow

# All in pixels.
LETTER = 7.3
"""The width of a letter of 12 pixels in a font whose letters are equally wide."""
LONGEST = 36
"""Letters of a name that are shown."""
HEIGHT = 40.0
"""Of a box with two lines."""
PADDING, ASIDE, BELOW = 12.0, 14.0, 26.0
TITLE = 18.0
"""Above the members of a frame."""


@dataclass(frozen=True, slots=True)
class Box:
    """A task, or many that are alike, at its place; `hint` is all there is to say."""

    x: float
    y: float
    width: float
    name: str
    state: str
    kind: str
    hint: str
    is_many: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """Around the members of a group or of a header."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """From the middle of one's lower edge to the middle of the next one's upper edge."""

    x: float
    y: float
    end_x: float
    end_y: float


@dataclass(slots=True)
class Scene:
    """All that is to be painted, and how large it is. Made at the origin, then moved."""

    width: float = 0.0
    height: float = 0.0
    boxes: list[Box] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)

    def take(self, part: Scene, x: float, y: float) -> None:
        """Put a part's things there, in this scene."""
        self.boxes += [
            Box(one.x + x, one.y + y, one.width, one.name, one.state, one.kind, one.hint, one.is_many)
            for one in part.boxes
        ]
        self.frames += [Frame(one.x + x, one.y + y, one.width, one.height, one.title) for one in part.frames]
        self.arrows += [Arrow(one.x + x, one.y + y, one.end_x + x, one.end_y + y) for one in part.arrows]


def scene_of(workflow: Workflow) -> Scene:
    """The whole drawing."""
    return _scene(workflow, workflow.plan.root)


def _scene(workflow: Workflow, node: Node | Fold) -> Scene:
    if isinstance(node, Fold):
        standing = workflow[node.sample.id] if isinstance(node.sample, Task) else None
        return _box(node.label, standing, node.label, is_many=True)
    if isinstance(node, Task):
        return _box(node.name, workflow[node.id], f"{node.name} {node.id}: {workflow[node.id]}")
    if isinstance(node, Chain):
        return _down([_scene(workflow, step) for step in node.of])
    members = _frame([_scene(workflow, each) for each in folded(workflow, node.of)], _title(node))
    return _down([members, _scene(workflow, node.body)]) if isinstance(node, Chord) else members


def _title(node: Group | Chord) -> str:
    return f"{'chord' if isinstance(node, Chord) else 'group'} of {len(node.of):,}"


def _box(name: str, standing: Standing | None, hint: str, *, is_many: bool = False) -> Scene:
    shown = name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
    state = "" if standing is None else str(standing)
    width = max(len(shown), len(state)) * LETTER + 2 * PADDING
    return Scene(width, HEIGHT, [Box(0, 0, width, shown, state, kind_of(standing), hint, is_many)])


def _down(parts: list[Scene]) -> Scene:
    """One below the other, in the middle, with arrows between."""
    whole = Scene(max((part.width for part in parts), default=0.0))
    middle, y = whole.width / 2, 0.0
    for place, part in enumerate(parts):
        if place:
            whole.arrows.append(Arrow(middle, y, middle, y + BELOW))
            y += BELOW
        whole.take(part, middle - part.width / 2, y)
        y += part.height
    whole.height = y
    return whole


def _frame(parts: list[Scene], title: str) -> Scene:
    """Side by side, with a frame around them."""
    inner = sum(part.width for part in parts) + ASIDE * max(0, len(parts) - 1)
    width = max(inner, len(title) * LETTER) + 2 * PADDING
    tallest = max((part.height for part in parts), default=0.0)
    whole = Scene(width, TITLE + tallest + 2 * PADDING)
    whole.frames.append(Frame(0, 0, width, whole.height, title))
    x = (width - inner) / 2
    for part in parts:
        whole.take(part, x, TITLE + PADDING)
        x += part.width + ASIDE
    return whole
