"""The table engines × behaviours, from what the drivers declare; no server runs for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kernelq.contracts import Capabilities

from .behaviour import Behaviour, lacking


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One engine: its name as it is shown, what its driver declares, and whether it is a server."""

    name: str
    capabilities: Capabilities
    has_server: bool = False

    def cell(self, behaviour: Behaviour) -> str:
        """``yes``, or what the engine lacks for it: ``lacks dedup``, ``no server``."""
        missing = lacking(behaviour.requires, self.capabilities)
        if missing:
            return f"lacks {', '.join(missing)}"
        return "no server" if behaviour.needs_server and not self.has_server else "yes"


def engines_table(behaviours: Iterable[Behaviour], columns: Sequence[Column]) -> str:
    """The table as Markdown: a row for each behaviour by its number, a column for each engine."""
    rows = [
        [behaviour.number, behaviour.sentence, *(column.cell(behaviour) for column in columns)]
        for behaviour in behaviours
    ]
    return markdown(["", "behaviour", *(column.name for column in columns)], rows)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"
