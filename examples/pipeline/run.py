"""Start the workflow, wait for its report, compare that with what a plain loop finds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from kernelq import AsyncResult
from kernelq.exceptions import ChordError
from kernelq.progress import progress
from kernelq.workflow_views import WorkflowNotFinished
from rich.markup import escape

from . import reading
from .showing import console, show
from .tasks import Report, workflow

Packages = Mapping[str, Sequence[str]]

BROKEN = "def broken(:\n"
MENDED = 'def mended() -> None:\n    """Nothing."""\n'

PATIENCE = 300.0
"""Seconds until a run is given up."""


def run(packages: Packages, broken: Path | None = None, picture: Path | None = None) -> bool:
    """Report on some packages and check it; whether the check agreed.

    `broken` names a file that is written with a mistake in it, for all to see what comes of that, then mended; `picture` an
    SVG file that the workflow is drawn to.
    """
    if broken is not None:
        broken.write_text(BROKEN)
        packages = {**packages, "broken": [str(broken)]}
    console.print(f"{sum(map(len, packages.values()))} files in {len(packages)} packages")
    began = time.monotonic()
    result = workflow(packages).apply_async()
    try:
        report = progress(result, "reading", timeout=PATIENCE)
    except (SyntaxError, ChordError) as error:
        console.print(f"[red]failed[/]: {escape(str(error))}", highlight=False, soft_wrap=True)
        _draw(result, picture)
        if broken is None:
            return False
        broken.write_text(MENDED)
        console.print(f"mended; {_retried(result)} task runs again, and what waited for it")
        report = progress(result, "reading", timeout=PATIENCE)
    console.print(f"{result.total_count()} tasks in {time.monotonic() - began:.1f} s")
    show(report)
    if broken is None:
        _draw(result, picture)
    return _check(packages, report)


def _retried(result: AsyncResult[Report]) -> int:
    """Run again what failed, as soon as all else has ended; how many tasks that were."""
    while True:
        try:
            return result.retry_failed()
        except WorkflowNotFinished:
            time.sleep(0.1)


def _draw(result: AsyncResult[Report], picture: Path | None) -> None:
    if picture is not None:
        result.graph().save(picture)
        console.print(f"drawn: {picture}", highlight=False, soft_wrap=True)


def _check(packages: Packages, report: Report) -> bool:
    began = time.monotonic()
    expected = {
        package: reading.add_up(reading.measure(reading.parse(path)) for path in paths)
        for package, paths in packages.items()
    }
    whole = reading.add_up(expected.values())
    console.print(f"a plain loop over the same files took {time.monotonic() - began:.1f} s")
    if report == {"packages": expected, "whole": whole}:
        console.print(f"[green]right[/]: {whole['functions']:,} functions, as in the plain loop")
        return True
    wrong = [package for package, findings in expected.items() if report["packages"].get(package) != findings]
    console.print(f"[red]wrong[/]: the plain loop finds other numbers in {', '.join(wrong) or 'the whole'}")
    return False
