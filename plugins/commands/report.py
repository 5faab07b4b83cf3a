"""``kernelq report``, `app.bugreport` and `kernelq.bugreport`: what somebody who is to help needs to know of an installation."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING, Any

import click
from kernelq import KernelQ

from .installed import version_of
from .output import cell

if TYPE_CHECKING:
    from .command_line import Session

_NAME = re.compile(r"[A-Za-z0-9._-]+")


def bugreport(app: KernelQ | None = None) -> str:
    """Versions, platform, plugins and changed settings of an app, the current one by default, as text; passwords are masked."""
    app = KernelQ.current() if app is None else app
    parts: dict[str, list[tuple[str, Any]]] = {
        "software": [
            ("kernelq", version("kernelq")),
            ("python", f"{platform.python_version()} ({platform.python_implementation()})"),
            ("platform", platform.platform()),
            *_libraries().items(),
        ],
        "app": [("name", app.main), ("tasks", len(app.tasks))],
        "plugins": [
            (info.name, f"{version_of(info.name, info.module)} {info.state}".strip()) for info in app.plugins.infos()
        ],
        "settings that differ from their default": [
            (name, f"{value!r}  (from {source})")
            for name, (value, source) in app.settings_table().items()
            if source != "default"
        ],
    }
    return "\n\n".join("\n".join((title, *_fields(fields))) for title, fields in parts.items())


@click.command()
@click.pass_obj
def report(session: Session) -> None:
    """Show versions, platform, plugins and changed settings, for a bug report; passwords are masked.

    \b
    Example: kernelq -A proj report
    """
    click.echo(bugreport(session.app_or_new))


def _fields(fields: Iterable[tuple[str, Any]]) -> list[str]:
    known = [(name, cell(value)) for name, value in fields if value is not None]
    width = max((len(name) for name, _ in known), default=0)
    return [f"  {name:<{width}}  {text}" for name, text in known]


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
