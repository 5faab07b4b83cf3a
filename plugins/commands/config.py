"""``kernelq config``: the settings in effect, and where each comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .output import print_json, print_table
from .secrets import censored_table

if TYPE_CHECKING:
    from .command_line import Session


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also the settings that stand at their default.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def config(session: Session, everything: bool, as_json: bool) -> None:
    """Show the settings in effect and where each comes from; passwords are masked.

    \b
    Example: kernelq -A proj config --all
    """
    table = censored_table(session.app_or_new)
    shown = {name: pair for name, pair in table.items() if everything or pair[1] != "default"}
    if as_json:
        print_json({name: {"value": value, "source": source} for name, (value, source) in shown.items()})
        return
    rows = [(name, repr(value), source) for name, (value, source) in shown.items()]
    print_table(("setting", "value", "from"), rows, empty="every setting stands at its default; --all shows them")
