"""The pipeline of examples/ finds what a plain loop finds, also after it has failed and was mended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ports import free_port
from servers import RedisServer

ROOT = Path(__file__).parents[2]
PACKAGES = 3
FILES = 8
"""In each package."""
PATIENCE = 60.0
"""Seconds."""

SOURCE = '''
import os, json
from collections import abc

def short(): pass

def longer():
    """Say what."""
    return 1
'''


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A folder of packages, and some files that are none of theirs."""
    folder = tmp_path / "sources"
    for package in range(PACKAGES):
        (folder / f"package{package}").mkdir(parents=True)
        for number in range(FILES):
            (folder / f"package{package}" / f"module{number}.py").write_text(SOURCE, encoding="utf-8")
    (folder / "package0" / "readme.md").write_text("def no: python")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "module.py").write_text("def no: python")
    return folder


@pytest.fixture(params=["sqlite", "redis"])
def where(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment that names each engine in turn."""
    if request.param == "sqlite":
        return {}
    redis: RedisServer = request.getfixturevalue("redis_server")
    return {"KERNELQ_BROKER_URL": f"{redis.url}?prefix=pipeline"}


def test_the_report_is_right_and_nothing_stays(where: dict[str, str], sources: Path, tmp_path: Path) -> None:
    run = _run(where, tmp_path, str(sources))

    assert run.returncode == 0, run.stdout
    assert f"{PACKAGES * FILES} files in {PACKAGES} packages" in run.stdout
    assert f"{PACKAGES * (FILES * 2 + 1) + 1} tasks in" in run.stdout
    assert f"right: {PACKAGES * FILES * 2} functions" in run.stdout
    assert "collections (24), json (24), os (24)" in run.stdout
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_broken_file_fails_the_report_until_it_is_mended(
    where: dict[str, str], sources: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "failed.svg"

    run = _run(where, tmp_path, str(sources), "--broken", "--svg", str(picture))

    assert run.returncode == 0, run.stdout
    assert "raised SyntaxError" in run.stdout
    assert "mended; 1 task runs again" in run.stdout
    assert run.stdout.count("no report") == 1
    assert f"right: {PACKAGES * FILES * 2 + 1} functions" in run.stdout
    assert "4 failed" in picture.read_text(encoding="utf-8")  # parse, measure, add_up, report


def test_a_server_that_is_not_there_is_said_in_one_line(sources: Path, tmp_path: Path) -> None:
    url = f"redis://user:secret@127.0.0.1:{free_port()}/0"

    run = _run({"KERNELQ_BROKER_URL": url}, tmp_path, str(sources))

    assert run.returncode == 1, run.stdout
    assert "127.0.0.1" in run.stdout
    assert len(run.stdout.splitlines()) == 1
    assert "secret" not in run.stdout


def _run(where: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "tmp").mkdir()
    environment = {**os.environ, **where, "PYTHONPATH": str(ROOT / "examples"), "TMPDIR": str(folder / "tmp")}
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
