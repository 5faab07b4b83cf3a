"""Submit a task per file, wait for all, print the top words, compare with a plain count.

    python -m wordcount.run FOLDER

Exit code 0 when both counts agree, 1 when they do not. A worker must be running, or be started meanwhile.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from kernelq import AsyncResult
from kernelq.errors import TimeoutError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from .files import text_files
from .tasks import QUEUE, app, count_words

TOP = 20

PATIENCE = 1.0
"""Seconds between two calls of `between` while no result comes."""

console = Console()

Words = Counter[str]


def count(folder: Path, between: Callable[[], None] = lambda: None) -> bool:
    """Count the words of a folder by tasks and check them; whether the check agreed.

    `between` is called between any two steps, and about once a second while no result comes. It may look after the
    worker, or raise to stop at a moment when nothing is half done.
    """
    paths = text_files(folder)
    console.print(f"{len(paths)} text files in {folder}")
    began = time.monotonic()
    words = _by_tasks(paths, between)
    seconds = time.monotonic() - began
    _print_top(words)
    console.print(f"{len(paths)} tasks in {seconds:.1f} s: {len(paths) / seconds:,.0f} tasks per second")
    return _check(paths, words, between)


def _by_tasks(paths: list[str], between: Callable[[], None]) -> Words:
    words: Words = Counter()
    results: list[AsyncResult[dict[str, int]]] = []
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    try:
        with Progress(*columns, console=console) as progress:
            for path in progress.track(paths, description="submitting"):
                between()
                results.append(count_words.delay(path))
            for result in progress.track(results, description="counting  "):
                between()
                words.update(_wait(result, between))
    finally:
        app.broker.purge(QUEUE)
        app.backend.forget([result.id for result in results])
    return words


def _wait(result: AsyncResult[dict[str, int]], between: Callable[[], None]) -> dict[str, int]:
    while True:
        try:
            return result.get(timeout=PATIENCE)
        except TimeoutError:
            between()


def _print_top(words: Words) -> None:
    table = Table("word", "times", title=f"top {TOP} of {len(words):,} words")
    table.columns[1].justify = "right"
    for word, times in sorted(words.items(), key=lambda item: (-item[1], item[0]))[:TOP]:
        table.add_row(word, f"{times:,}")
    console.print(table)


def _check(paths: list[str], words: Words, between: Callable[[], None]) -> bool:
    began = time.monotonic()
    expected: Words = Counter()
    for path in paths:
        between()
        expected.update(count_words(path))
    console.print(f"a plain loop over the same files took {time.monotonic() - began:.1f} s")
    total, expected_total = words.total(), expected.total()
    if words == expected:
        console.print(f"[green]right[/]: {total:,} words, and each word as often as in the plain count")
        return True
    wrong = sum(words[word] != expected[word] for word in words.keys() | expected.keys())
    console.print(f"[red]wrong[/]: {total:,} words, expected {expected_total:,}; {wrong} words differ")
    return False


def main() -> int:
    """Run it on the folder the command line names."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit("usage: python -m wordcount.run FOLDER")
    with app:
        return 0 if count(Path(sys.argv[1]).resolve()) else 1


if __name__ == "__main__":
    sys.exit(main())
