"""``kernelq call``: send a task, and wait for it if asked."""

from __future__ import annotations

import difflib
import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from .output import json_text

if TYPE_CHECKING:
    from kernelq import AsyncResult

    from .command_line import Session


def _object(context: click.Context, parameter: click.Parameter, text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError) as error:
        raise click.BadParameter(f"expected a JSON object such as '{{\"x\": 1}}', got {text!r}") from error


@click.command()
@click.argument("name")
@click.argument("args", nargs=-1, metavar="[ARGS]...")
@click.option("-k", "--kwargs", callback=_object, metavar="JSON", help="Keyword arguments, as a JSON object.")
@click.option("--countdown", type=float, metavar="SECONDS", help="Run it that much later.")
@click.option("--eta", metavar="ISO", help="Run it at that time, such as 2030-01-31T08:00:00+00:00.")
@click.option("--expires", type=float, metavar="SECONDS", help="Do not begin it later than that.")
@click.option("--queue", metavar="NAME", help="Send it there instead of to the task's own queue.")
@click.option("--priority", type=click.IntRange(0, 9), help="The higher the sooner.")
@click.option("--wait", is_flag=True, help="Wait for the result and print it as JSON; the id goes to standard error.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Wait no longer than that.")
@click.pass_obj
def call(
    session: Session,
    /,
    name: str,
    args: tuple[str, ...],
    kwargs: dict[str, Any],
    wait: bool,
    timeout: float | None,
    **options: Any,
) -> None:
    """Send the task NAME to a worker and print its id.

    Each of ARGS is read as JSON, else taken as text: 3 is a number, '"3"' and three are texts. A negative number
    would look like an option, so put -- before the arguments.

    \b
    Examples:
      kernelq -A proj call proj.add 2 3 --wait
      kernelq -A proj call proj.mail ada@example.org -k '{"urgent": true}' --countdown 60
      kernelq -A proj call --wait proj.add -- -1 1
    """
    if options["countdown"] is not None and options["eta"] is not None:
        raise click.UsageError("give --countdown or --eta, not both")
    if timeout is not None and not wait:
        raise click.UsageError("--timeout needs --wait")
    app = session.app
    if wait:
        app.backend  # noqa: B018  (an app without one cannot wait: say so before anything is sent)
    app.import_modules()
    if name not in app.tasks:
        near = difflib.get_close_matches(name, list(app.tasks), n=1)
        hint = f"; did you mean {near[0]}?" if near else "."
        click.echo(f"note: this app has no task {name}{hint} It is parked until a worker knows it.", err=True)
    given = {option: value for option, value in options.items() if value is not None}
    try:
        result = app.send_task(name, [_value(text) for text in args], kwargs, **given)
    except (TypeError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(result.id, err=wait)
    if wait:
        _finish(result, timeout)


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError):
        return text


def _finish(result: AsyncResult[Any], timeout: float | None) -> None:
    value = result.get(timeout=timeout, propagate=False)
    if not isinstance(value, BaseException):
        click.echo(json_text(value))
        return
    click.echo(result.traceback or f"{type(value).__name__}: {value}", err=True)
    sys.exit(1)
