"""Lines that tasks in other processes add to a file, for tests to wait for."""

from __future__ import annotations

from pathlib import Path

from waiting import until


class Notes:
    """A file of lines; any process may add one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.touch()

    def add(self, line: object) -> None:
        """Add a line."""
        with self._path.open("a") as file:
            file.write(f"{line}\n")

    def lines(self, at_least: int = 0) -> list[str]:
        """The lines so far, once there are so many."""
        until(lambda: len(self._path.read_text().splitlines()) >= at_least, f"{at_least} lines")
        return self._path.read_text().splitlines()
