"""``kernelq config``: the settings in effect and where each comes from; ``kernelq config check``: what would become of others."""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import TYPE_CHECKING, Any

import click
from kernelq import KernelQError

from .output import print_json, print_table

if TYPE_CHECKING:
    from .command_line import Session

EXIT_CODES = {"works": 0, "no effect": 1, "refused": 2, "unknown": 2}
"""Status of a name → the least exit code of a check that finds it."""


@click.group(invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Also the settings that stand at their default.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def config(context: click.Context, everything: bool, as_json: bool) -> None:
    """Show the settings in effect and where each comes from; passwords are masked.

    \b
    Example: kernelq -A proj config --all
    """
    if context.invoked_subcommand is not None:
        return
    table = context.obj.app_or_new.settings_table()
    shown = {name: pair for name, pair in table.items() if everything or pair[1] != "default"}
    if as_json:
        print_json({name: {"value": value, "source": source} for name, (value, source) in shown.items()})
        return
    rows = [(name, repr(value), source) for name, (value, source) in shown.items()]
    print_table(("setting", "value", "from"), rows, empty="every setting stands at its default; --all shows them")


@config.command()
@click.argument("source", metavar="MODULE_OR_FILE")
@click.option("--namespace", metavar="X", help="Look only at names that begin with X_, as in the settings of Django.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def check(session: Session, /, source: str, namespace: str | None, as_json: bool) -> None:
    """Say what would become of each setting in a configuration module of Celery or of KernelQ, without using it.

    Each works; or has no effect; or is refused, also for its value or because old and new names are mixed; or is unknown.
    The exit code is 0 when all work, 1 when some have no effect, 2 when some are refused or unknown, or when the
    module cannot be loaded. The module is run, so look at it first if it is not yours. No values are shown.

    \b
    Examples:
      kernelq config check celeryconfig
      kernelq config check proj/settings.py --namespace CELERY
    """
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    app: Any = session.app_or_new
    try:
        findings = app.check_settings(source, namespace)
    except KernelQError as error:
        click.echo(f"kernelq: {error}", err=True)
        sys.exit(2)
    if as_json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        rows = [(each.line, each.name, each.status, _what(each)) for each in findings]
        print_table(("line", "setting", "status", "what"), rows, numbers=("line",), empty="no settings in there")
    sys.exit(max((EXIT_CODES[each.status] for each in findings), default=0))


def _what(finding: Any) -> str:
    renamed = finding.setting if finding.setting not in (None, finding.name) else ""
    return "; ".join(part for part in (f"today {renamed}" if renamed else "", finding.reason) if part)
