"""Ends of runs that are no ends of what waits for them: something else goes on in their place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernelq import Ignore

if TYPE_CHECKING:
    from kernelq.contracts import Effect, Message

ADDED = "canvas_added"
"""The attribute of a request that lists what its task added to the header of its chord: the steps of each."""


class TakenOver(Ignore):
    """Ends a run in favour of what it `caused`, which is committed with that end."""

    def __init__(self, why: str, caused: Sequence[Message | Effect]) -> None:
        super().__init__(why)
        self.caused = list(caused)
