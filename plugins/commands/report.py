"""``kernelq report``: what somebody who is to help needs to know of an installation."""

from __future__ import annotations

import platform
import re
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING

import click

from .output import print_fields
from .secrets import censored_table

if TYPE_CHECKING:
    from .command_line import Session

_NAME = re.compile(r"[A-Za-z0-9._-]+")


@click.command()
@click.pass_obj
def report(session: Session) -> None:
    """Show versions, platform, plugins and changed settings, for a bug report; passwords are masked.

    \b
    Example: kernelq -A proj report
    """
    app = session.app_or_new
    click.echo("software")
    print_fields(
        [
            ("  kernelq", version("kernelq")),
            ("  python", f"{platform.python_version()} ({platform.python_implementation()})"),
            ("  platform", platform.platform()),
            *((f"  {name}", found) for name, found in _libraries().items()),
        ]
    )
    click.echo("\napp")
    print_fields([("  name", app.main), ("  tasks", len(app.tasks))])
    click.echo("\nplugins")
    print_fields([(f"  {info.name}", f"{info.version} {info.state}".strip()) for info in app.plugins.infos()])
    click.echo("\nsettings that differ from their default")
    print_fields(
        [
            (f"  {name}", f"{value!r}  (from {source})")
            for name, (value, source) in censored_table(app).items()
            if source != "default"
        ]
    )


def _libraries() -> dict[str, str]:
    """Version by name of every library KernelQ or one of its extras asks for, if it is installed."""
    found: dict[str, str] = {}
    for requirement in requires("kernelq") or ():
        name = _NAME.match(requirement)
        if name is None or name.group() == "kernelq":
            continue
        try:
            found[name.group()] = version(name.group())
        except PackageNotFoundError:
            pass  # of an extra that is not installed
    return found
