"""The shop of examples/from_celery under Celery and under KernelQ: the same questions, the same answers.

Each package gets a copy with its own name in the import lines, a worker with two processes, a database of one Redis, and the
client in `from_celery/`. Then everything that came of each case is compared: what callers saw, and what handlers and
signals were given. Whatever differs must be listed in `from_celery/differences.py`, with its reason.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest
from servers import RedisServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "from_celery"
CLIENT = Path(__file__).parent / "from_celery"

DATABASES = {"celery": 7, "kernelq": 8}
PATIENCE = 200.0
"""Seconds a client or a stopping worker gets."""

CASES = re.findall(
    r"^@case\ndef (\w+)", "\n".join(path.read_text() for path in sorted(CLIENT.glob("*.py"))), re.MULTILINE
)

ABSENT = "(nothing)"
ANYTHING = "(anything)"
"""In `Difference`: whatever it is."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the two differ (a pattern of paths), what each says there, and why that is meant."""

    where: str
    celery: Any
    kernelq: Any
    reason: str

    def covers(self, path: str, celery: Any, kernelq: Any) -> bool:
        """Whether this is it."""
        said = all(want in (ANYTHING, got) for want, got in ((self.celery, celery), (self.kernelq, kernelq)))
        return said and fnmatchcase(path, self.where)


LISTS = run_path(str(CLIENT / "differences.py"))
DIFFERENCES = [Difference(*each) for each in (*LISTS["DIFFERENCES"], *LISTS["OPEN"])]


class Side:
    """One package, its copy of the shop and what came of its run."""

    def __init__(self, package: str, folder: Path, server: RedisServer) -> None:
        self.package = package
        self.folder = folder
        shutil.copytree(EXAMPLE / "shop", folder / "shop")
        shutil.copytree(CLIENT, folder / "from_celery")
        if package == "celery":
            for part in ("shop", "from_celery"):
                subprocess.run(command("and back").replace("shop/", f"{part}/"), cwd=folder, shell=True, check=True)
        self.environment = os.environ | {
            "SHOP_BROKER": f"{server.url.rpartition('/')[0]}/{DATABASES[package]}",
            "SHOP_JOURNAL": str(folder / "journal"),
            "PYTHONPATH": str(folder),
        }

    def run(self) -> Side:
        """Worker and client, to their end."""
        arguments = ["-A", "shop", "worker", "-l", "INFO", "-c", "2", "-Q", "shop,mail,stock,big"]
        with (self.folder / "log").open("wb") as log:
            program = [sys.executable, "-m", self.package, *arguments]
            worker = subprocess.Popen(program, start_new_session=True, **self._where(log))
            try:
                client = [sys.executable, "-m", "from_celery", str(self.folder)]
                subprocess.run(client, **self._where(log), timeout=PATIENCE, check=True)
                worker.terminate()
                assert worker.wait(PATIENCE) == 0
            except (subprocess.SubprocessError, AssertionError) as error:
                raise AssertionError((self.folder / "log").read_text()[-8000:]) from error
            finally:
                try:
                    os.killpg(worker.pid, signal.SIGKILL)  # whatever is left of it
                except ProcessLookupError:
                    pass  # nothing, as it should be
                worker.wait()
        return self

    def _where(self, log: Any) -> dict[str, Any]:
        return {"cwd": self.folder, "env": self.environment, "stdout": log, "stderr": log}

    @cache  # noqa: B019  (there are two of them)
    def found(self) -> dict[str, Any]:
        """All that came of it: by case the outcome and the journal, and the signals of the worker itself."""
        outcomes = json.loads((self.folder / "outcomes.json").read_text())
        lines = [json.loads(line) for line in (self.folder / "journal").read_text().splitlines()]
        roots = {line["id"]: root for line in lines if (root := root_in(line))}
        found: dict[str, Any] = {}
        for name, told in outcomes.items():
            own = [line for line in lines if "id" in line and roots.get(line["id"], line["id"]) in told["ids"]]
            ids = list(dict.fromkeys([*told["ids"], *sorted_by_root(own, roots, told["ids"])]))
            journal = {task_id: tidied([line for line in own if line["id"] == task_id]) for task_id in ids}
            found[name] = renamed({"outcome": told["outcome"], "journal": journal}, ids, self.folder)
        found["worker"] = {line.pop("what"): line for line in lines if "id" not in line}
        return found


def root_in(line: dict[str, Any]) -> str | None:
    """The root of its task, if a line of the journal says it."""
    about = line.get("headers") or line.get("about") or {}
    root: str | None = about.get("root_id")
    return root


def sorted_by_root(lines: list[dict[str, Any]], roots: Mapping[str, str], ids: list[str]) -> list[str]:
    """The ids of tasks that tasks called, in the order of those at their roots."""
    return sorted((line["id"] for line in lines), key=lambda id: ids.index(roots.get(id, id)))


def tidied(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """A task's lines by name and number, and their order at each of the places where they are written.

    Each try is a place of its own: the next one may begin before the last one has told all.
    """
    order: dict[str, list[str]] = {}
    numbered: dict[str, Any] = {}
    seen: Counter[str] = Counter()
    for line in lines:
        what = line.pop("what")
        if line.get("retries"):
            # Celery sends the next try before it writes RETRY, and so may write it over that try's SUCCESS.
            line.pop("stored", None)
        place = f"{'publish' if 'publish' in what else 'run'} {line['retries']}" if "retries" in line else "receive"
        order.setdefault(place, []).append(what)
        name = f"{what} {line['retries'] if 'retries' in line else seen[what]}"
        seen[what] += 1
        numbered[name] = line if name not in numbered else [numbered[name], line]
    return {"order": {place: " ".join(said) for place, said in order.items()}, "lines": numbered}


def renamed(found: dict[str, Any], ids: list[str], folder: Path) -> Any:
    """Without ids and folders, which are others each time."""
    text = json.dumps(found).replace(str(folder), "folder")
    for number, task_id in enumerate(ids, start=1):
        text = text.replace(task_id, f"id {number}")
    return json.loads(text)


def command(after: str) -> str:
    """The command that the example's README shows after some words."""
    readme = (EXAMPLE / "README.md").read_text()
    found = re.search(rf"{after}:\n\n    (.*)\n", readme)
    assert found, f"the README has no command after {after!r}"
    return found[1]


@pytest.fixture(scope="module")
def sides(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Side]:
    """Both, after their runs, which take place at the same time."""
    made = [Side(package, tmp_path_factory.mktemp(package), redis_server) for package in DATABASES]
    with ThreadPoolExecutor() as pool:
        return {side.package: side for side in pool.map(Side.run, made)}


@pytest.mark.parametrize("case", [*CASES, "worker"])
def test_the_shop_behaves_as_under_celery(sides: Mapping[str, Side], case: str) -> None:
    differing = list(differing_in(sides, case))

    assert {path: said for path, *said in differing if reason_of(path, *said) is None} == {}


def test_every_listed_difference_is_there(sides: Mapping[str, Side]) -> None:
    differing = [each for case in (*CASES, "worker") for each in differing_in(sides, case)]

    assert [each for each in DIFFERENCES if not any(each.covers(*found) for found in differing)] == []


def test_the_import_lines_go_forth_and_back(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "shop", tmp_path / "shop", ignore=shutil.ignore_patterns("__pycache__"))
    ours = {path.name: path.read_text() for path in (tmp_path / "shop").glob("*.py")}

    subprocess.run(command("and back"), cwd=tmp_path, shell=True, check=True)
    theirs = {path.name: path.read_text() for path in (tmp_path / "shop").glob("*.py")}
    subprocess.run(command("From Celery to KernelQ"), cwd=tmp_path, shell=True, check=True)

    assert "kernelq" not in "".join(theirs.values()).lower().replace(
        '("celery.", "kombu.", "billiard.", "kernelq")', ""
    )
    assert {path.name: path.read_text() for path in (tmp_path / "shop").glob("*.py")} == ours


def reason_of(path: str, celery: Any, kernelq: Any) -> str | None:
    """Why they differ there, if that is meant."""
    return next((each.reason for each in DIFFERENCES if each.covers(path, celery, kernelq)), None)


def differing_in(sides: Mapping[str, Side], case: str) -> Iterator[tuple[str, Any, Any]]:
    """Where a case differs: path, what Celery says, what KernelQ says."""
    theirs, ours = (sides[package].found().get(case, ABSENT) for package in DATABASES)
    return differing(case, theirs, ours)


def differing(path: str, celery: Any, kernelq: Any) -> Iterator[tuple[str, Any, Any]]:
    """As above, of two values at a path: the outermost places where they differ in more than what is inside."""
    if isinstance(celery, dict) and isinstance(kernelq, dict):
        for key in {**celery, **kernelq}:
            yield from differing(f"{path}/{key}", celery.get(key, ABSENT), kernelq.get(key, ABSENT))
    elif isinstance(celery, list) and isinstance(kernelq, list) and len(celery) == len(kernelq):
        for number, (theirs, ours) in enumerate(zip(celery, kernelq, strict=True)):
            yield from differing(f"{path}/{number}", theirs, ours)
    elif celery != kernelq or type(celery) is not type(kernelq):
        yield path, celery, kernelq
