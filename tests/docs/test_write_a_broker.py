"""The page for authors of brokers shows the example as it is, and its test file runs against it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "write_a_broker.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / "examples" / "file_broker_plugin.py").read_text(encoding="utf-8")
PIECES = re.findall(r"^```py\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PATIENCE = 60.0
"""Seconds."""


@pytest.mark.parametrize("piece", PIECES, ids=lambda piece: piece.strip().splitlines()[-1].strip()[:40])
def test_a_piece_of_the_page_stands_in_the_example(piece: str) -> None:
    assert _lines(piece) in _lines(EXAMPLE)


def test_the_test_file_of_the_page_runs(tmp_path: Path) -> None:
    [block] = re.findall(r"^```python\n# test_file_broker.py\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "test_file_broker.py").write_text(block, encoding="utf-8")

    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-k",
            "b01 or b60 or b78 or b240",
            "--timeout",
            "60",
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / "examples")},
        timeout=PATIENCE,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "4 passed" in run.stdout, run.stdout + run.stderr


def _lines(code: str) -> str:
    """The lines alone: a method stands further left on the page, and the formatter puts more blank lines between."""
    return "\n".join(stripped for line in code.splitlines() if (stripped := line.strip()))
