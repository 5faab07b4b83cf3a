"""The Python in README and docs runs as it stands.

A block whose first line is a comment naming a file (``# shop.py``) is saved under that name; the other blocks of a page
run one after the other, as one program. If the page shows how to start a worker of an app it saved, that worker runs
meanwhile.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BLOCK = re.compile(r"^( *)```python[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.py)\n")
WORKER = re.compile(r"^ *kernelq -A (\w+) worker\b([^#\n]*)", re.MULTILINE)

PATIENCE = 60.0
"""Seconds."""

PAGES = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if BLOCK.search(path.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    program = _save(text, tmp_path)

    with _workers(text, tmp_path):
        run = subprocess.run(
            [sys.executable, "-W", "error", program],
            cwd=tmp_path,
            timeout=PATIENCE,
            capture_output=True,
            text=True,
            check=False,
        )

    assert run.returncode == 0, run.stderr


def _save(text: str, folder: Path) -> Path:
    """Save the blocks of a page; return the program made of those that are no files."""
    program = []
    for indent, block in BLOCK.findall(text):
        code = re.sub(f"^{indent}", "", block, flags=re.MULTILINE)
        if name := FILE.match(code):
            (folder / name[1]).write_text(code, encoding="utf-8")
        else:
            program.append(code)
    path = folder / "the_page.py"
    path.write_text("\n".join(program), encoding="utf-8")
    return path


@contextmanager
def _workers(text: str, folder: Path) -> Iterator[None]:
    """Run the workers a page starts for an app it defines; each must become ready, and stop cleanly."""
    shown = dict.fromkeys((module, arguments) for module, arguments in WORKER.findall(text))
    commands = [["-A", module, "worker", *shlex.split(arguments)] for module, arguments in shown]
    workers = [_start(command, folder) for command in commands if (folder / f"{command[1]}.py").exists()]
    try:
        yield
    finally:
        for worker in workers:
            worker.terminate()
        said = [worker.communicate(timeout=PATIENCE)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * len(workers), said


def _start(command: list[str], folder: Path) -> subprocess.Popen[str]:
    """Start a worker and wait until it is ready, or has ended."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "kernelq", *command, "--loglevel", "INFO"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert worker.stdout is not None
    said = []
    for line in worker.stdout:
        said.append(line)
        if line.rstrip().endswith(" ready"):
            return worker
    raise AssertionError("".join(said))
