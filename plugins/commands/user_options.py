"""Options that an app adds to commands: ``app.user_options["preload"].add(click.Option(["--template"]))``.

They are known once the app is, so ``-A`` comes before the command's name for them (or `KERNELQ_APP` is set).
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from .command_line import Session


def with_user_options(command: click.Command, session: Session) -> click.Command:
    """The command with what the app adds to it and to every command; itself when that is nothing, or no app is known."""
    if not session.has_app:
        return command
    offered: dict[str, set[click.Option]] = getattr(session.app, "user_options", {})
    added = [*offered.get("preload", ()), *offered.get(command.name or "", ())]
    if not added:
        return command
    equipped = copy(command)  # the command is shared by every app of this process
    equipped.params = [*command.params, *(_told_to(option) for option in sorted(added, key=lambda one: one.name or ""))]
    return equipped


def _told_to(option: click.Option) -> click.Option:
    """A copy of the option whose value goes to the session, for the signal, and not to the command's function."""
    own = option.callback

    def take(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
        value = value if own is None else own(context, parameter, value)
        context.obj.user_options[str(parameter.name)] = value
        return value

    told = copy(option)
    told.expose_value, told.callback = False, take
    return told
