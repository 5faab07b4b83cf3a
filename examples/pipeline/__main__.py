"""The whole run: a worker with two processes, the workflow, the check.

    python -m pipeline [FOLDER] [--broken] [--svg FILE]

The queue is a temporary SQLite file, or where ``KERNELQ_BROKER_URL`` says; there results are kept for a day.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kernelq import KernelQError

from .files import python_files
from .run import run
from .showing import console
from .tasks import QUEUE, app

EXAMPLES = Path(__file__).resolve().parents[1]

SOURCES = EXAMPLES.parent
"""What is read unless another folder is named: the repository."""

PROCESSES = 2

STOP_TIMEOUT = 10.0
"""Seconds the worker gets to stop by itself."""


@contextmanager
def worker(log: Path) -> Iterator[None]:
    """A worker run by the command line meanwhile, then what it found worth an error."""
    command = [sys.executable, "-m", "kernelq", "-A", "pipeline.tasks", "worker", "-c", str(PROCESSES), "-Q", QUEUE]
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES)}
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for line in log.read_text().splitlines():
            if ": ERROR/" in line:
                console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)


def main() -> int:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m pipeline", description="Report on Python sources by a workflow.")
    parser.add_argument("folder", nargs="?", type=Path, default=SOURCES, metavar="FOLDER")
    parser.add_argument(
        "--broken", action="store_true", help="add a file with a mistake in it, to see what comes of that"
    )
    parser.add_argument("--svg", type=Path, metavar="FILE", help="draw the workflow")
    given = parser.parse_args()
    packages = python_files(given.folder.resolve())
    if not packages:
        parser.error(f"expected a folder with Python files, got {str(given.folder)!r}")
    picture = given.svg and given.svg.resolve()
    if "KERNELQ_BROKER_URL" in os.environ:  # else results would be kept nowhere
        os.environ.setdefault("KERNELQ_RESULT_BACKEND", os.environ["KERNELQ_BROKER_URL"])
    with tempfile.TemporaryDirectory(prefix="kernelq-pipeline-") as place:
        os.chdir(place)  # the embedded engine keeps its file in the working directory
        try:
            with app:
                app.broker.examine()  # a server that is not there is said at once, and not waited for
            with app, worker(Path(place) / "worker.log"):
                return 0 if run(packages, Path(place) / "broken.py" if given.broken else None, picture) else 1
        except KernelQError as error:
            sys.exit(str(error))
        finally:
            os.chdir("/")


if __name__ == "__main__":
    sys.exit(main())
