"""``kernelq plugins``: what is installed, whether it works, and what each plugin brings."""

from __future__ import annotations

import dataclasses
import difflib
import sys
from importlib import import_module
from importlib.metadata import EntryPoint
from inspect import cleandoc
from typing import TYPE_CHECKING, Any

import click
from kernelq.contracts import Capabilities

from .installed import drivers_of, import_point, version_of
from .output import cell, print_fields, print_json, print_table

if TYPE_CHECKING:
    from kernelq import Option

    from .command_line import Session


@click.group()
def plugins() -> None:
    """Plugins: what is installed, whether it works, what each one brings."""


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_(session: Session, as_json: bool) -> None:
    """List every plugin: version, state, hooks, drivers and what it is for.

    \b
    Example: kernelq plugins list
    """
    rows: list[dict[str, Any]] = [
        {
            "name": info.name,
            "version": version_of(info.name, info.module),
            "state": info.state,
            "hooks": len(info.hooks),
            "drivers": [f"{kind} {point.name}" for kind, point in drivers_of(info.module)],
            "about": info.doc.strip().partition("\n")[0],
        }
        for info in session.app_or_new.plugins.infos()
    ]
    if as_json:
        print_json(rows)
        return
    columns = ("name", "version", "state", "hooks", "drivers", "about")
    shown = [{**row, "drivers": ", ".join(map(str, row["drivers"])) or None} for row in rows]
    print_table(columns, [[row[column] for column in columns] for row in shown], numbers=("hooks",), empty="no plugins")


@plugins.command()
@click.pass_obj
def check(session: Session) -> None:
    """Load every installed plugin, driver and public name, and say what is wrong; exit code 1 if anything is.

    What wants a library that is not installed is shown as skipped, which is no error.

    \b
    Example: kernelq plugins check
    """
    from .check import findings

    found = list(findings())
    for finding in found:
        about = f"{finding.kind} {finding.name} ({finding.origin})"
        if finding.problem is not None:
            click.echo(f"broken: {cell(about)}: {cell(finding.problem)}")
        elif finding.skipped is not None:
            click.echo(f"skipped: {cell(about)}: {cell(finding.skipped)}")
    broken = sum(finding.problem is not None for finding in found)
    click.echo(
        f"{len(found)} checked, {broken} broken, {sum(finding.skipped is not None for finding in found)} skipped"
    )
    if broken:
        sys.exit(1)
    session.app_or_new.plugins.infos()  # loads those the app itself names, too; what is wrong there is raised


@plugins.command()
@click.argument("name")
@click.pass_obj
def show(session: Session, name: str) -> None:
    """Show the plugin NAME: its manual, hooks, drivers, settings, and what its brokers and engines can do.

    \b
    Example: kernelq plugins show broker_sql
    """
    app = session.app_or_new
    known = {info.name: info for info in app.plugins.infos()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else f" (there are: {', '.join(known)})"
        raise click.ClickException(f"no plugin {name!r}{hint}")
    info = known[name]
    brought = drivers_of(info.module)
    if info.doc:
        click.echo(f"{cleandoc(info.doc)}\n")
    print_fields(
        [
            ("version", version_of(info.name, info.module) or None),
            ("state", info.state),
            ("module", info.module),
            ("hooks", ", ".join(info.hooks) or None),
            ("drivers", ", ".join(f"{kind} {point.name}" for kind, point in brought) or None),
        ]
    )
    _show_settings(_settings_of(info.module, info.hooks))
    _show_capabilities(brought)


def _settings_of(module: str, hooks: tuple[str, ...]) -> list[Option]:
    return list(import_module(module).settings()) if "settings" in hooks else []


def _show_settings(options: list[Option]) -> None:
    if options:
        click.echo("\nsettings")
        rows = [(option.name, option.type.__name__, repr(option.default), option.help) for option in options]
        print_table(("name", "type", "default", "meaning"), rows, empty="")


def _show_capabilities(brought: list[tuple[str, EntryPoint]]) -> None:
    found: dict[str, Any] = {}
    for kind, point in brought:
        capabilities = getattr(import_point(point)[0], "capabilities", None)
        if isinstance(capabilities, Capabilities):
            found[f"{kind} {point.name}"] = capabilities
    if found:
        click.echo("\ncapabilities")
        names = [field.name for field in dataclasses.fields(Capabilities)]
        rows = [(name, *(_plain(getattr(one, name)) for one in found.values())) for name in names]
        print_table(("", *found), rows, empty="")


def _plain(value: Any) -> Any:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
