"""Homes: the virtual environments of KernelQ, the peers and the limit, made on first use and again when what belongs there changed."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .errors import Missing

ROOT = Path(__file__).resolve().parent.parent

_REDIS = ("redis==8.1.0", "hiredis==3.5.0")

PINS: dict[str, tuple[str, ...]] = {
    "celery": ("celery[redis]==5.7.0", "kombu==5.7.0", "billiard==4.3.2", *_REDIS),
    "dramatiq": ("dramatiq[redis]==2.2.1", "pika==1.4.4", *_REDIS),
    "rq": ("rq==2.12.0", *_REDIS),
    "huey": ("huey==3.5.4", *_REDIS),
    "taskiq": ("taskiq==0.13.0", "taskiq-redis==1.2.4", "uvloop==0.23.0", *_REDIS),
    "arq": ("arq==0.28.0", "redis==5.3.1", "hiredis==3.5.0", "uvloop==0.23.0"),
    "procrastinate": ("procrastinate==3.10.0", "psycopg[binary,pool]==3.3.9"),
    "limit": ("msgspec==0.22.0", *_REDIS),
}
"""Home → what is installed there."""

EXTRAS = {"kernelq": "redis", "kernelq_servers": "amqp,postgres"}
"""Home → extras of this checkout's KernelQ. Two, so that one on Redis has no more installed than the peers on Redis."""

_SOURCES = ("kernel", "plugins", "pyproject.toml")
_PAPERS = ("README.md", "LICENSE")
"""Needed to build it; a change of them is none of what is measured."""


class Homes:
    """Environments under one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tried: dict[str, str] = {}

    def python(self, name: str) -> Path:
        """The Python of the home `name`, which is made if need be. Raises `Missing` when that fails, for good."""
        if name not in self._tried:
            self._tried[name] = self._make(name)
        if self._tried[name]:
            raise Missing(self._tried[name])
        return self._folder / name / "bin" / "python"

    def versions(self, name: str) -> str:
        """What matters of what is installed there, as ``name version, …``."""
        if name in EXTRAS:
            wanted = ["kernelq", "redis", "hiredis", "pika", "psycopg", "msgspec"]
        else:
            wanted = [pin.partition("==")[0].partition("[")[0] for pin in PINS[name]]
        code = (
            "import sys, importlib.metadata as m\n"
            "for name in sys.argv[1:]:\n"
            "    try: print(name, m.version(name))\n"
            "    except m.PackageNotFoundError: pass\n"
        )
        done = subprocess.run([self.python(name), "-c", code, *wanted], capture_output=True, text=True, check=True)
        return ", ".join(done.stdout.splitlines())

    def _make(self, name: str) -> str:
        """Install what belongs there unless it is there; returns what went wrong."""
        home = self._folder / name
        stamp = home / "kernelq-bench.stamp"
        wanted = _fingerprint(name)
        if stamp.exists() and stamp.read_text() == wanted:
            return ""
        print(f"installing {name} into {home}", file=sys.stderr, flush=True)
        stamp.unlink(missing_ok=True)
        try:
            if not _is_made_by_this_python(home):
                _quietly([sys.executable, "-m", "venv", "--clear", str(home)])
            with tempfile.TemporaryDirectory(prefix="bench-build-") as build:
                pip = [str(home / "bin" / "python"), "-m", "pip"]
                if name in EXTRAS:  # the version stays while the source changes
                    _quietly([*pip, "uninstall", "--quiet", "--yes", "kernelq"])
                _quietly([*pip, "install", "--quiet", *_installs(name, Path(build))])
        except subprocess.CalledProcessError as error:
            return f"{name} could not be installed: {_last_line(error.stderr)}"
        stamp.write_text(wanted)
        return ""


def default_folder() -> Path:
    """``$BENCH_HOME``, or ``kernelq-bench`` in the user's cache."""
    if home := os.environ.get("BENCH_HOME"):
        return Path(home)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kernelq-bench"


def _is_made_by_this_python(home: Path) -> bool:
    try:
        return f"version = {platform.python_version()}\n" in (home / "pyvenv.cfg").read_text()
    except OSError:
        return False


def _installs(name: str, build: Path) -> Sequence[str]:
    if name not in EXTRAS:
        return PINS[name]
    # Built from a copy: a build leaves folders behind that a later one would take for sources.
    for source in (*_SOURCES, *_PAPERS):
        path = ROOT / source
        if path.is_dir():
            shutil.copytree(path, build / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, build / source)
    return [f"kernelq[{EXTRAS[name]}] @ file://{build}"]


def _fingerprint(name: str) -> str:
    """Changes with what belongs into the home, and with the Python that makes it."""
    digest = hashlib.sha256(sys.version.encode())
    if name in EXTRAS:
        digest.update(EXTRAS[name].encode())
        for source in _SOURCES:
            path = ROOT / source
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file() and "__pycache__" not in file.parts:
                    digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    else:
        digest.update(" ".join(PINS[name]).encode())
    return digest.hexdigest()


def _quietly(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def _last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no word why")
