"""``kernelq beat list|next|add|edit|pause|resume|run|remove``: entries, looked at and changed while beats run."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import click
import msgspec
from kernelq import KernelQ
from kernelq.errors import nearest

from .book import Book, shown
from .contract import ScheduleStore
from .entry import ScheduleEntry
from .plain import definition_of, entry_of

NEXT = 5
"""How many of the next times are shown."""


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_(session: Any, as_json: bool) -> None:
    """List every entry: of the code and of the store, what it does and when it is due next.

    \b
    Example: kernelq -A proj beat list
    """
    book, now = Book(session.app), time.time()
    rows = [_row(book, key, now) for key in sorted({*book.entries, *book.wrong}, key=lambda key: key.partition(":")[2])]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
        return
    columns = ("name", "origin", "task", "schedule", "state", "last", "sent", "next")
    table = [columns, *([_cell(row[column]) for column in columns] for row in rows)]
    if not rows:
        click.echo("no entries", err=True)
        return
    widths = [max(len(line[i]) for line in table) for i in range(len(columns))]
    for line in table:
        click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


@click.command("next")
@click.argument("name", required=False)
@click.option("-n", "--count", type=click.IntRange(min=1), default=NEXT, show_default=True, help="How many times.")
@click.pass_obj
def next_(session: Any, name: str | None, count: int) -> None:
    """Say what entries do, in plain words, and their next times, each in its own zone.

    \b
    Examples:
      kernelq -A proj beat next
      kernelq -A proj beat next report -n 10
    """
    book, now = Book(session.app), time.time()
    chosen = [book.entry(name)] if name is not None else list(book.entries.values())
    for entry in chosen:
        _tell(book, entry, count, now)


@click.command()
@click.argument("name")
@click.argument("task")
@click.argument("schedule")
@click.option("--args", "args_", metavar="JSON", help="Arguments, such as '[\"db\", 3]'.")
@click.option("--kwargs", metavar="JSON", help="Keyword arguments.")
@click.option("--options", metavar="JSON", help='Options of the call, such as \'{"queue": "mail"}\'.')
@click.option("--zone", metavar="ZONE", help="Time zone of the schedule, such as Europe/Berlin. [default: the app's]")
@click.option(
    "--catch-up", type=click.Choice(["one", "all", "skip"]), help="What to send of what was missed. [default: one]"
)
@click.option("--overlap", type=click.Choice(["allow", "skip"]), help="While the last one runs. [default: allow]")
@click.option("--description", metavar="TEXT", help="What it is for.")
@click.pass_obj
def add(session: Any, /, name: str, task: str, schedule: str, **options: Any) -> None:
    """Add an entry NAME to the store: send TASK by SCHEDULE, which is seconds or a crontab in its usual five fields.

    \b
    Examples:
      kernelq -A proj beat add ping proj.ping 30
      kernelq -A proj beat add report proj.report "0 7 * * mon-fri" --zone Europe/Rome --args '["eu"]'
    """
    book = Book(session.app)
    if f"code:{name}" in book.entries:
        raise click.ClickException(f"the code has an entry {name!r}; choose another name, for both would be sent")
    entry = _made(book.app, name, {"task": task, "schedule": schedule, **options})
    if not book.store.put(name, definition_of(entry), is_new=True):
        raise click.ClickException(f"there is an entry {name!r} already; 'kernelq beat edit {name}' changes it")
    _say_unknown(book.app, entry)
    _tell(book, entry, NEXT, time.time())


@click.command()
@click.argument("name")
@click.option("--task", metavar="TASK", help="Send this one.")
@click.option("--schedule", metavar="SCHEDULE", help="Seconds, or a crontab in its usual five fields.")
@click.option("--args", "args_", metavar="JSON", help="Arguments.")
@click.option("--kwargs", metavar="JSON", help="Keyword arguments.")
@click.option("--options", metavar="JSON", help="Options of the call.")
@click.option("--zone", metavar="ZONE", help="Time zone of the schedule.")
@click.option("--catch-up", type=click.Choice(["one", "all", "skip"]), help="What to send of what was missed.")
@click.option("--overlap", type=click.Choice(["allow", "skip"]), help="While the last one runs.")
@click.option("--description", metavar="TEXT", help="What it is for.")
@click.pass_obj
def edit(session: Any, /, name: str, **options: Any) -> None:
    """Change an entry of the store; what is not given stays. Running beats take it over within seconds.

    \b
    Example: kernelq -A proj beat edit report --schedule "30 6 * * mon-fri"
    """
    book = Book(session.app)
    name = _stored(book, name, "change it there").partition(":")[2]
    entry = _made(book.app, name, options, book.store.board().entries[name])
    if not book.store.put(name, definition_of(entry), is_new=False):
        raise click.ClickException(f"the entry {name!r} was removed meanwhile")
    _say_unknown(book.app, entry)
    _tell(book, entry, NEXT, time.time())


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.pass_obj
def pause(session: Any, names: Sequence[str]) -> None:
    """Send nothing of these entries, of code or store, until they are resumed.

    \b
    Example: kernelq -A proj beat pause report
    """
    _each(session, names, "paused", lambda store, key: store.pause(key, True, now=time.time()))


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.pass_obj
def resume(session: Any, names: Sequence[str]) -> None:
    """Send these entries again, from their next occurrence on.

    \b
    Example: kernelq -A proj beat resume report
    """
    _each(session, names, "resumed", lambda store, key: store.pause(key, False, now=time.time()))


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.pass_obj
def remove(session: Any, names: Sequence[str]) -> None:
    """Remove entries from the store.

    \b
    Example: kernelq -A proj beat remove report
    """
    _each(session, names, "removed", lambda store, key: store.remove(key), of_code="remove it there")


@click.command()
@click.argument("name")
@click.pass_obj
def run(session: Any, name: str) -> None:
    """Send an entry's task now, out of turn; its schedule goes on as it is. Prints the task's id.

    \b
    Example: kernelq -A proj beat run report
    """
    from .sending import message_of

    book = Book(session.app)
    message = message_of(book.app, book.entry(name))
    holder = book.app.publisher.publish([message])  # the task that a plugin lets stand for it
    click.echo(holder or message.id)


COMMANDS = (list_, next_, add, edit, pause, resume, run, remove)


def _made(app: KernelQ, name: str, given: dict[str, Any], old: dict[str, Any] | None = None) -> ScheduleEntry:
    """The entry that options of a command describe, on top of an old definition."""
    given = {("args" if option == "args_" else option): value for option, value in given.items() if value is not None}
    for option in ("args", "kwargs", "options"):
        if option in given:
            given[option] = _json(option, given[option], list if option == "args" else dict)
    try:
        if "schedule" in given:
            given["schedule"] = _schedule(app, given["schedule"]).plain()
        return entry_of(name, {**(old or {}), **given}, app)
    except (TypeError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _schedule(app: KernelQ, text: str) -> Any:
    from kernelq.schedules import crontab, maybe_schedule

    try:
        seconds = float(text)
    except ValueError:
        return crontab.from_string(text, app=app)
    return maybe_schedule(seconds, app=app)


def _say_unknown(app: KernelQ, entry: ScheduleEntry) -> None:
    """A warning of a task that is not known here: it may be another project's, or misspelt."""
    if entry.task not in app.tasks:
        near = nearest(entry.task or "", app.tasks)
        click.echo(f"warning: no module of this app has a task {entry.task!r}{near}", err=True)


def _json(option: str, text: str, kind: type) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise click.BadParameter(
            f"expected a JSON {kind.__name__}, got {text!r}: {error}", param_hint=f"--{option}"
        ) from error


def _each(
    session: Any, names: Sequence[str], done: str, do: Callable[[ScheduleStore, str], object], *, of_code: str = ""
) -> None:
    """Do something to entries, once all are known; `of_code` is what to do instead with one of the code."""
    book = Book(session.app)
    for key in [_stored(book, name, of_code) if of_code else book.key_of(name) for name in names]:
        do(book.store, key)
        click.echo(f"{_cell(key.partition(':')[2])} {done}")


def _stored(book: Book, name: str, otherwise: str) -> str:
    """The key of an entry that must be the store's."""
    key = book.key_of(name)
    if key.startswith("code:"):
        raise click.ClickException(f"the entry {name!r} is of the code: {otherwise} ('pause' works here)")
    return key


def _row(book: Book, key: str, now: float) -> dict[str, Any]:
    origin, _, name = key.partition(":")
    mark, entry = book.mark(key), book.entries.get(key)
    row: dict[str, Any] = {"name": name, "origin": origin, "task": None, "schedule": None, "state": book.state(key)}
    row |= {"last": None, "sent": mark.count, "next": None}
    if entry is not None:
        tz = getattr(entry.schedule, "tz", None) or book.app.timezone
        times = book.times(entry, 1, now)
        row |= {"task": entry.task, "schedule": _describe(entry), "next": times[0] if times else None}
        row["last"] = shown(mark.last, tz) if mark.count else None
    return row


def _tell(book: Book, entry: ScheduleEntry, count: int, now: float) -> None:
    book.entries.setdefault(entry.key, entry)
    lines = [entry.description] if entry.description else []
    lines += book.times(entry, count, now) or [f"({book.state(entry.key)})"]
    click.echo(_cell(f"{entry.name}: {entry.task}, {_describe(entry)}"))
    for line in lines:
        click.echo(f"  {_cell(line)}")


def _describe(entry: ScheduleEntry) -> str:
    describe = getattr(entry.schedule, "describe", None)
    return str(describe() if describe is not None else repr(entry.schedule))


def _cell(value: Any) -> str:
    text = "-" if value is None else str(value)
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
