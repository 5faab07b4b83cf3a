"""``kernelq control``: orders about tasks that were called already."""

from __future__ import annotations

from typing import Any

import click

from .control import Control


@click.group()
def control() -> None:
    """Orders about tasks that were called already."""


@control.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.pass_obj
def revoke(session: Any, ids: tuple[str, ...]) -> None:
    """Keep the tasks ID... from being run; what a worker holds already runs to its end.

    \b
    Example: kernelq -A proj control revoke 0192f4c1-7a3e-7c55-b1c2-3f0f6ad1b0c4
    """
    Control(session.app).revoke(ids)
    click.echo(f"revoked: {len(ids)}")
