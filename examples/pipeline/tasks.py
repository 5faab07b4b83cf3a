"""The app, its tasks, and the workflow they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from kernelq import Context, KernelQ, Signature, chord, get_task_logger

from . import reading
from .reading import Findings, Source

QUEUE = "pipeline"

log = get_task_logger(__name__)

# A queue of its own, so that a broker used for other things too is left as it was.
app = KernelQ("pipeline", task_default_queue=QUEUE)


class Report(TypedDict):
    """What comes of it all."""

    packages: dict[str, Findings]
    whole: Findings


@app.task
def parse(path: str) -> Source:
    """Read one file. A broken one fails the report."""
    return reading.parse(path)


@app.task
def measure(source: Source) -> Findings:
    """The numbers of one file."""
    return reading.measure(source)


@app.task
def add_up(parts: Sequence[Findings], package: str) -> tuple[str, Findings]:
    """The numbers of a package, of those of its files."""
    return package, reading.add_up(parts)


@app.task
def report(packages: Sequence[tuple[str, Findings]]) -> Report:
    """The numbers of all packages, and of the whole."""
    return {"packages": dict(packages), "whole": reading.add_up(findings for _, findings in packages)}


@app.task
def alarm(request: Context, error: BaseException, traceback: object) -> None:
    """The error callback: called by the worker, once, when there will be no report."""
    log.error("no report %s: %s", request.id, error)


def workflow(packages: Mapping[str, Sequence[str]]) -> Signature[Report]:
    """The report on some packages: for each a chord of its files, parsed and measured, and added up; then all of them.

    parse → measure ─┐
    parse → measure ─┴ add_up ─┐
    parse → measure ── add_up ─┴ report        (alarm, should anything fail)
    """
    each = [
        chord([parse.s(path) | measure.s() for path in paths], add_up.s(package)) for package, paths in packages.items()
    ]
    return chord(each, report.s()).on_error(alarm.s())
