"""What the tasks of `faulty` wrote down of their runs: the ground truth, which no engine has a hand in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a task; instants in ns of the monotonic clock, `ended` None when it never came to its end.

    `how` it ended: ``end`` (it returned), ``raise``, ``left`` (a quick stop), None.
    """

    pid: int
    started: int
    ended: int | None = None
    retries: int = 0
    how: str | None = None


def runs_of(folder: Path, task_id: str) -> list[Run]:
    """The runs of one task so far, by their beginning."""
    path = folder / task_id
    found: dict[int, list[Run]] = {}
    for what, pid, instant, retries in (
        (line.split() for line in path.read_text().splitlines()) if path.exists() else ()
    ):
        of_process = found.setdefault(int(pid), [])
        if what == "start":
            of_process.append(Run(int(pid), int(instant), retries=int(retries)))
        else:
            begun = of_process[-1]
            of_process[-1] = Run(begun.pid, begun.started, int(instant), begun.retries, what)
    return sorted((run for runs in found.values() for run in runs), key=lambda run: run.started)


def all_runs(folder: Path) -> dict[str, list[Run]]:
    """The runs of every task that ran, by its id."""
    return {task_id: runs_of(folder, task_id) for task_id in os.listdir(folder)}
