"""The word count of examples/ ends with the right counts and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = 60
PATIENCE = 60.0
"""Seconds."""


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder of text files, and some that are unlike them."""
    folder = tmp_path / "texts"
    (folder / "deeper").mkdir(parents=True)
    for number in range(FILES):
        (folder / "deeper" / f"{number}.txt").write_text("Eins zwei Zwei.\n" * 500, encoding="utf-8")
    (folder / "latin.txt").write_bytes("drei größe".encode("latin-1"))
    (folder / "binary.bin").write_bytes(b"eins\0zwei")
    (folder / ".hidden").write_text("eins")
    return folder


@pytest.fixture
def demo(texts: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The demo, begun; its temporary folder is made in `tmp_path`."""
    (tmp_path / "tmp").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "examples"), "TMPDIR": str(tmp_path / "tmp")}
    with subprocess.Popen(
        [sys.executable, "-m", "wordcount.demo", str(texts)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        yield process


def test_the_counts_are_right_and_nothing_stays(demo: subprocess.Popen[str], tmp_path: Path) -> None:
    said = demo.communicate(timeout=PATIENCE)[0]

    assert demo.returncode == 0, said
    assert f"{FILES + 1} text files" in said
    # Of "drei größe", what is not UTF-8 is a gap: "drei", "gr" and "e".
    assert f"right: {FILES * 1500 + 3:,} words" in said
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_worker_that_is_killed_is_replaced_and_the_counts_are_right(demo: subprocess.Popen[str]) -> None:
    os.kill(_supervisor(demo), signal.SIGKILL)

    said = demo.communicate(timeout=PATIENCE)[0]

    assert demo.returncode == 0, said
    assert "the worker was killed by SIGKILL; started another" in said
    assert "right:" in said


def test_ctrl_c_stops_it_and_nothing_stays(demo: subprocess.Popen[str], tmp_path: Path) -> None:
    worker = _supervisor(demo)
    demo.send_signal(signal.SIGINT)

    said = demo.communicate(timeout=PATIENCE)[0]

    assert demo.returncode == 128 + signal.SIGINT, said
    assert list((tmp_path / "tmp").iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def _supervisor(demo: subprocess.Popen[str]) -> int:
    """The process of the demo's worker, as the demo says it first of all."""
    assert demo.stdout is not None
    found = re.search(r"supervised by process (\d+)", demo.stdout.readline())
    assert found is not None
    return int(found[1])
