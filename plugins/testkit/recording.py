"""A pytest plugin that writes down which behaviours of the suites were proved, as a table in Markdown.

    pytest -p kernelq_plugins.testkit.recording --engines-table=engines.md tests/contract

A column is a test class, a row a behaviour: ``yes`` passed, ``no`` failed, ``-`` skipped. It imports no suite, so that
pytest may still rewrite their asserts.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .behaviour import parse
from .engines_table import markdown

_WORSE = {"": 0, "-": 1, "yes": 2, "no": 3}
"""Of the runs of one behaviour with several parameters the worst counts, but a skipped one only if all were."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engines-table", metavar="PATH", help="write which behaviours each engine showed, as Markdown")


def pytest_configure(config: pytest.Config) -> None:
    path = config.getoption("--engines-table")
    if path:
        config.pluginmanager.register(Recording(Path(path)))


class Recording:
    """Collects the reports of one test run."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._classes: dict[str, None] = {}
        self._sentences: dict[str, str] = {}
        self._cells: dict[tuple[str, str], str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        _, _, place = report.nodeid.partition("::")
        owner, _, test = place.partition("::")
        named = parse(test.partition("[")[0])
        if named is None:
            return
        number, sentence = named
        self._classes.setdefault(owner)
        self._sentences[number] = sentence
        cell = {"passed": "yes" if report.when == "call" else "", "skipped": "-", "failed": "no"}[report.outcome]
        before = self._cells.get((number, owner), "")
        self._cells[number, owner] = max(before, cell, key=_WORSE.__getitem__)

    def pytest_sessionfinish(self) -> None:
        numbers = sorted(self._sentences, key=lambda number: (number[0], int(number[1:])))
        rows = [
            [number, self._sentences[number], *(self._cells.get((number, owner), "") for owner in self._classes)]
            for number in numbers
        ]
        head = ["", "behaviour", *(owner.removeprefix("Test") for owner in self._classes)]
        self._path.write_text(markdown(head, rows), encoding="utf-8")
