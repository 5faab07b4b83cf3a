"""``kernelq graph result``: a workflow as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import click

from .drawing import draw

if TYPE_CHECKING:
    from kernelq import KernelQ


class Session(Protocol):
    """What the command line gives every command."""

    @property
    def app(self) -> KernelQ: ...


@click.group()
def graph() -> None:
    """Drawings of how things hang together."""


@graph.command()
@click.argument("id")
@click.option("--dot", is_flag=True, help="As a graph for Graphviz.")
@click.option("--svg", type=click.Path(dir_okay=False), metavar="FILE", help="As a picture, in a file.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="In a file: .svg, .dot, .gv or .txt."
)
@click.pass_obj
def result(session: Session, id: str, dot: bool, svg: str | None, output: str | None) -> None:
    """Draw the workflow that the task or result ID belongs to, with the state of each task.

    The exit code is 1 when no workflow is known of it.

    \b
    Examples:
      kernelq -A proj graph result 5d2b9f0e-6a0c-4a3e-9a51-0c6f5d3c1a77
      kernelq -A proj graph result 5d2b9f0e-6a0c-4a3e-9a51-0c6f5d3c1a77 --svg album.svg
    """
    drawing = draw(session.app, id)
    try:
        if svg is not None:
            Path(svg).write_text(drawing.svg(), encoding="utf-8")
        if output is not None and dot:
            Path(output).write_text(drawing.dot() + "\n", encoding="utf-8")
        elif output is not None:
            drawing.save(output)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--output") from error
    except OSError as error:
        raise click.ClickException(f"cannot write {error.filename}: {error.strerror}") from error
    if dot and output is None:
        click.echo(drawing.dot())
    elif svg is None and output is None:
        drawing.show()
