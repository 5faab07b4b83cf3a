"""The command behind ``scripts/bench``."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from .chart import chart
from .homes import ROOT, Homes, default_folder
from .measures import FULL, MEASURES, QUICK
from .peers import BY_NAME
from .readme import replaced
from .report import LIMIT, as_data, lines
from .run import Run
from .stores import Stores
from .table import about, comparison, page, summary

QUICK_PEERS = (
    "kernelq",
    "celery",
    "dramatiq",
    "huey",
    "kernelq_sqlite",
    "huey_sqlite",
    "kernelq_postgresql",
    "procrastinate",
    "kernelq_amqp",
    "celery_amqp",
)
"""Those that a quick run takes: the fastest of each row, and Celery."""

MEMORY = Path("/dev/shm")
ROOM = 4 * 1024**3
"""Bytes that must be free there for the servers' files."""

LATEST = ROOT / "docs" / "benchmarks" / "latest.md"
CHART = LATEST.with_suffix(".svg")
README = ROOT / "README.md"


def main() -> int:
    """Measure, print the table, write the files; exit code 1 when something failed."""
    options = _options()
    if options.from_file:
        _show(json.loads(options.from_file.read_text()), options)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # so that the servers are ended too
    size, repeats = (QUICK, options.repeats or 1) if options.quick else (FULL, options.repeats or 5)
    peers = options.only or (QUICK_PEERS if options.quick else ())
    with (
        tempfile.TemporaryDirectory(prefix="kernelq-bench-", dir=options.folder, ignore_cleanup_errors=True) as folder,
        Stores(Path(folder)) as stores,
    ):
        run = Run(Homes(options.home), stores, Path(folder), size)
        begun = time.monotonic()

        def save() -> None:
            run.outcome["settings"] = (
                f"{'quick, ' if options.quick else ''}{repeats} repeat{'s' if repeats > 1 else ''}, 2 worker processes"
            )
            run.outcome["seconds"] = round(time.monotonic() - begun)
            run.outcome["rows"] = as_data(lines(run.outcome["runs"]))
            if options.out:
                options.out.write_text(json.dumps(run.outcome, indent=1) + "\n")

        with suppress(KeyboardInterrupt):  # what has been measured is shown
            run.repeat(repeats, peers, options.measures, save=save)
        save()
    _show(run.outcome, options)
    return 1 if run.outcome["failed"] else 0


def _show(outcome: dict[str, Any], options: argparse.Namespace) -> None:
    report = lines(outcome["runs"])
    print(about(outcome), comparison(report), f"{outcome['seconds']} s", sep="\n\n")
    if options.update_docs or options.update_readme:
        LATEST.parent.mkdir(exist_ok=True)
        LATEST.write_text(page(outcome))
        CHART.write_text(chart(report, f"{outcome['date']}, {outcome['machine']}"))
    if options.update_readme:
        README.write_text(replaced(README.read_text(), summary(outcome)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description="KernelQ beside other task queues, in one run.")
    parser.add_argument(
        "--quick", action="store_true", help="small and once, a few peers: five minutes instead of an hour"
    )
    parser.add_argument(
        "--only", type=_names, default=(), metavar="PEERS", help=f"comma-separated: {', '.join(BY_NAME)}"
    )
    parser.add_argument(
        "--measures",
        type=_names,
        default=(),
        metavar="M1,M2",
        help=f"of {LIMIT}, {', '.join(each.name for each in MEASURES)} (M9 is measured with M6)",
    )
    parser.add_argument("--repeats", type=int, help="how often everything is measured [5; quick: 1]")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write every number there, as JSON")
    parser.add_argument(
        "--from", dest="from_file", type=Path, metavar="FILE", help="show what --out wrote, and measure nothing"
    )
    parser.add_argument(
        "--home",
        type=Path,
        default=default_folder(),
        help="where the peers are installed [$BENCH_HOME, or the user's cache: %(default)s]",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=_roomy(),
        help="where the servers keep their files [memory if there is room: %(default)s]",
    )
    parser.add_argument("--update-docs", action="store_true", help="write docs/benchmarks/latest.md and latest.svg")
    parser.add_argument("--update-readme", action="store_true", help="the same, and the table in README.md")
    options = parser.parse_args()
    for given, known in ((options.only, BY_NAME), (options.measures, {LIMIT, "M9", *(each.name for each in MEASURES)})):
        if unknown := sorted(set(given) - set(known)):
            parser.error(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    options.measures = tuple({"M6" if name == "M9" else name: None for name in options.measures})
    return options


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def _roomy() -> Path:
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        return MEMORY
    return Path(tempfile.gettempdir())


if __name__ == "__main__":
    sys.exit(main())
