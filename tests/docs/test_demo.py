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
from kernelq import KernelQ
from ports import free_port
from servers import MariaServer, PostgresServer, RabbitServer, RedisServer

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
    with _begin(texts, tmp_path) as process:
        yield process


@pytest.fixture(params=["sqlite", "postgresql", "redis", "amqp", "mysql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of each engine in turn."""
    match request.param:
        case "postgresql":
            postgres: PostgresServer = request.getfixturevalue("postgres_server")
            return postgres.fresh("demo")
        case "redis":
            redis: RedisServer = request.getfixturevalue("redis_server")
            return redis.url
        case "amqp":
            rabbit: RabbitServer = request.getfixturevalue("rabbit_server")
            return rabbit.url
        case "mysql":
            maria: MariaServer = request.getfixturevalue("maria_server")
            return maria.fresh("demo")
    return f"sqlite:///{tmp_path}/elsewhere.sqlite3"


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


def test_the_same_app_counts_right_on_every_engine(url: str, texts: Path, tmp_path: Path) -> None:
    with _begin(texts, tmp_path, "--broker", url) as process:
        said = process.communicate(timeout=PATIENCE)[0]

    assert process.returncode == 0, said
    assert f"right: {FILES * 1500 + 3:,} words" in said
    with KernelQ("after", broker=url, set_as_current=False) as app:
        assert not [stats for stats in app.broker.queues() if stats.name == "wordcount" and stats.ready + stats.running]


@pytest.mark.parametrize("scheme", ["postgresql", "redis", "amqp", "mysql"])
def test_a_server_that_is_not_there_is_said_in_two_lines(scheme: str, texts: Path, tmp_path: Path) -> None:
    url = f"{scheme}://user:secret@127.0.0.1:{free_port()}/name"

    with _begin(texts, tmp_path, "--broker", url) as process:
        said = process.communicate(timeout=PATIENCE)[0]

    assert process.returncode == 1, said
    assert "127.0.0.1" in said.splitlines()[0]
    assert said.splitlines()[1].startswith("kernelq doctor ")
    assert len(said.splitlines()) == 2
    assert "secret" not in said


def _begin(texts: Path, folder: Path, *options: str) -> subprocess.Popen[str]:
    (folder / "tmp").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "examples"), "TMPDIR": str(folder / "tmp")}
    return subprocess.Popen(
        [sys.executable, "-m", "wordcount.demo", str(texts), *options],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _supervisor(demo: subprocess.Popen[str]) -> int:
    """The process of the demo's worker, as the demo says it first of all."""
    assert demo.stdout is not None
    found = re.search(r"supervised by process (\d+)", demo.stdout.readline())
    assert found is not None
    return int(found[1])
