"""``kernelq graph``: how the parts of a worker hang together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from .command_line import Session


@click.group()
def graph() -> None:
    """Drawings of how things hang together."""


@graph.command()
@click.option("--dot", is_flag=True, help="As a graph for Graphviz.")
@click.pass_obj
def worker(session: Session, dot: bool) -> None:
    """Show the bootsteps of a worker in the order they start, with what they need; nothing is started.

    \b
    Example: kernelq -A proj graph worker --dot | dot -Tsvg > worker.svg
    """
    from .drawing import as_dot, as_text

    blueprint = session.app.Worker().blueprint
    click.echo(as_dot(blueprint) if dot else as_text(blueprint))
