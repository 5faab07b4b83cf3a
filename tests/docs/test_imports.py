"""Who may import whom: the contracts of import-linter hold, and a violation would be seen."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {"kernel": "kernelq", "plugins": "kernelq_plugins"}


def test_the_contracts_hold(tmp_path: Path) -> None:
    code, said = _lint(_copy(tmp_path))

    assert code == 0, said


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("kernelq/message.py", "import sqlalchemy", "The kernel imports neither plugins nor client libraries"),
        (
            "kernelq/message.py",
            "import kernelq_plugins.signals",
            "The kernel imports neither plugins nor client libraries",
        ),
        (
            "kernelq_plugins/broker_sql/broker.py",
            "from kernelq_plugins.backend_sql import tables",
            "Plugins never import one another",
        ),
        (
            "kernelq_plugins/broker_sql/broker.py",
            "from kernelq.config import Config",
            "Plugins use the public names and the contracts only",
        ),
    ],
)
def test_a_planted_violation_is_seen(file: str, line: str, contract: str, tmp_path: Path) -> None:
    root = _copy(tmp_path)
    path = root / file
    # At its very end, so that a `from __future__` stays first; import-linter reads and does not run.
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")

    code, said = _lint(root)

    assert code == 1
    assert f"{contract} BROKEN" in said


def _copy(folder: Path) -> Path:
    """A copy of both packages under the names they are imported by, with the configuration beside them."""
    ignore = shutil.ignore_patterns("__pycache__")
    for name, package in FOLDERS.items():
        shutil.copytree(ROOT / name, folder / package, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def _lint(root: Path) -> tuple[int, str]:
    program = "import sys; sys.path.insert(0, ''); from importlinter.cli import lint_imports_command as run; run()"
    command = [sys.executable, "-c", program, "--no-cache"]
    linted = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    return linted.returncode, linted.stdout + linted.stderr
