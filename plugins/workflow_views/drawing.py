"""A drawing of a workflow, in the forms it may be wanted in."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .dot import as_dot
from .svg import as_svg
from .text import as_text, encodable, lines
from .workflow import Workflow, find

if TYPE_CHECKING:
    from kernelq import KernelQ


class Drawing:
    """A workflow as it stood when it was drawn; as a string it is the tree of `text`."""

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow

    def text(self, encoding: str = "utf-8") -> str:
        """A tree, a line a task with its state and id, made of what the encoding has."""
        return as_text(self.workflow, encoding)

    def dot(self) -> str:
        """The graph in the language of Graphviz."""
        return as_dot(self.workflow)

    def svg(self) -> str:
        """A picture that needs nothing beside it."""
        return as_svg(self.workflow)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file, in the form its name asks for: ``.svg``, ``.dot`` or ``.gv``, ``.txt``.

        Raises:
            ValueError: another ending.
        """
        file = Path(path)
        forms = {".svg": self.svg, ".dot": self.dot, ".gv": self.dot, ".txt": self.text}
        make = forms.get(file.suffix.lower())
        if make is None:
            raise ValueError(f"expected a file that ends in {', '.join(forms)}, got {str(file)!r}")
        file.write_text(make().rstrip("\n") + "\n", encoding="utf-8")

    def show(self) -> None:
        """Print the tree, in colours on a terminal."""
        stream = sys.stdout
        encoding = stream.encoding or "utf-8"
        if not stream.isatty():
            print(self.text(encoding))
            return
        from rich.console import Console  # 30 ms, and no script needs it
        from rich.text import Text

        from .colours import LETTERS, kind_of

        console = Console(markup=False, emoji=False, highlight=False)
        for line in lines(self.workflow):
            text = Text(encodable(line.branches, encoding)).append(encodable(line.label, encoding))
            if line.standing is not None:
                style = LETTERS[kind_of(line.standing)]
                text.append("  ").append(encodable(str(line.standing), encoding), style)
            if line.id:
                text.append(f"  {encodable(line.id, encoding)}", "dim")
            console.print(text, soft_wrap=True)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: workflow {self.workflow.id}>"


def draw(app: KernelQ, id: str) -> Drawing:
    """The drawing of the workflow an id belongs to.

    Raises:
        UnknownWorkflow: none is known.
    """
    return Drawing(find(app, id))
