"""The report: a line a check on a terminal or behind a pipe, or JSON."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import click
import msgspec

from .check import Check, Level

if TYPE_CHECKING:
    from rich.console import Console

STYLES: Final[dict[Level, str]] = {"ok": "green", "warning": "yellow", "failed": "bold red"}
"""From the best to the worst."""

VERDICTS: Final[dict[Level, str]] = {
    "ok": "all is well",
    "warning": "it works; read the warnings",
    "failed": "it does not work; see what failed",
}

_INDENT: Final = " " * 23
"""As wide as the level and the name of a check together."""


class Report:
    """Prints each check when it comes; with `as_json`, all of them at the end."""

    def __init__(self, *, as_json: bool) -> None:
        self._checks: list[Check] = []
        self._console = None if as_json else _console()

    @property
    def verdict(self) -> Level:
        """The worst level so far."""
        levels = list(STYLES)
        return max((check.level for check in self._checks), key=levels.index, default="failed")

    def add(self, check: Check) -> None:
        """Take one more."""
        self._checks.append(check)
        if self._console is None:
            return
        from rich.text import Text

        line = Text.assemble((f"{check.level:<9}", STYLES[check.level]), f"{check.name:<14}", _printable(check.what))
        self._console.print(line)
        if check.advice:
            self._console.print(Text(f"{_INDENT}→ {_printable(check.advice)}"))

    def finish(self) -> None:
        """Print the verdict, or the JSON."""
        if self._console is not None:
            from rich.text import Text

            self._console.print(Text(VERDICTS[self.verdict], STYLES[self.verdict]))
            return
        checks = [dataclasses.asdict(check) for check in self._checks]
        click.echo(msgspec.json.format(msgspec.json.encode({"verdict": self.verdict, "checks": checks}), indent=2))


def _console() -> Console:
    from rich.console import Console  # here, for it takes 30 ms, and every command line imports this command

    return Console(markup=False, emoji=False, highlight=False, soft_wrap=True)


def _printable(text: str) -> str:
    """One line that cannot steer the terminal, whatever a server sent."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
