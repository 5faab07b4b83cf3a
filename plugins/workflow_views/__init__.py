"""Workflow views: chains, groups and chords as they stand, drawn, counted, and run again where they failed.

    result = chord(resize.s(path) for path in paths)(album.s())
    print(result.graph())                       # a tree with states; also .dot(), .svg(), .save("album.svg")
    result.completed_count(), result.total_count()
    kernelq.progress.progress(result)           # a bar on the terminal until its end; returns result.get()
    for done, total in kernelq.progress.track(result): ...
    result.retry_failed()                       # runs what failed again, and goes on from there

    kernelq -A proj graph result ID             the same tree; --dot and --svg FILE for drawings
    kernelq -A proj result --tree ID

A workflow is found from the id of its result, and from that of any task in it that has ended. Groups with more than 20 members of
the same task and state are drawn as one: ``… 9,980 × resize SUCCESS``. The SVG needs no Graphviz, and fits light and dark pages.

Install: part of ``pip install kernelq``. No settings. Modules: `kernelq.workflow_views`, `kernelq.progress`.

Guarantee: looking is a few round trips, one for each thousand tasks, and changes nothing. `retry_failed` that was cut off half-way is
finished by calling it again. What it runs again keeps its id, has all its retries again, and neither expires nor waits.

Does not: know workflows where there is no workflow store (see `canvas`), nor longer than that keeps them; show what tasks
called by themselves, which is `result.children`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kernelq import hookimpl

if TYPE_CHECKING:
    import click


@hookimpl
def commands(name: str | None) -> Sequence[click.Command]:
    """``kernelq graph result``; imported here, for only the command line needs it."""
    if name not in (None, "graph"):
        return ()
    from .command import graph

    return (graph,)
