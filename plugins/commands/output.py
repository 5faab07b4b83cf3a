"""What commands print: tables, named fields and JSON, for people on a terminal and for scripts behind a pipe."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

if TYPE_CHECKING:
    from rich.console import Console

UNLIMITED = 1_000_000
"""Columns of a line that nobody folds: behind a pipe every row is one line, whole."""

MISSING = "-"


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, numbers: Collection[str] = (), empty: str
) -> None:
    """Print rows under their columns; `numbers` are aligned right. Without a row, print `empty` on standard error."""
    # Here, for rich takes 30 ms to import, and a worker prints no table.
    from rich import box
    from rich.table import Table

    console = _console()
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(cell, row))
    if not table.row_count:
        click.echo(empty, err=True)
        return
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as printed:
        console.print(table)
    for line in printed.get().splitlines():
        click.echo(line.rstrip())  # the table pads its last column


def print_fields(fields: Iterable[tuple[str, Any]]) -> None:
    """Print one named value a line; what is None is left out."""
    known = [(name, cell(value)) for name, value in fields if value is not None]
    width = max((len(name) for name, _ in known), default=0)
    for name, text in known:
        click.echo(f"{name:<{width}}  {text}")


def print_json(value: Any) -> None:
    """Print a value as JSON; what JSON lacks as text, bytes in base64."""
    click.echo(msgspec.json.format(_encoded(value), indent=2).decode())


def json_text(value: Any) -> str:
    """A value as JSON on one line."""
    return _encoded(value).decode()


def cell(value: Any) -> str:
    """A value as one line of text that cannot steer the terminal, whoever sent it."""
    if value is None:
        return MISSING
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in str(value))


def moment(at: float | None) -> str | None:
    """An instant (UTC epoch seconds) as ISO 8601, to the second."""
    return None if at is None else datetime.datetime.fromtimestamp(at, datetime.UTC).isoformat(timespec="seconds")


def duration(seconds: float | None) -> str | None:
    """Seconds as people say them, in the largest unit that fits: ``12 s``, ``3 min``, ``2 h``, ``5 d``."""
    if seconds is None:
        return None
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def _console() -> Console:
    from rich.console import Console

    console = Console(markup=False, emoji=False, highlight=False)
    return console if console.is_terminal else Console(width=UNLIMITED, markup=False, emoji=False, highlight=False)


def _encoded(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value, enc_hook=repr)
    except (TypeError, ValueError):
        return msgspec.json.encode(repr(value))  # a dict whose keys are no texts, text that is no Unicode
