"""Which files of a folder count."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

SKIPPED = {"__pycache__", "site-packages", "dist-packages"}
"""Folders that hold no sources of the folder they are in."""

HEAD_BYTES = 1024


def text_files(folder: Path) -> list[str]:
    """The paths of all text files below a folder, in order; hidden files and folders are left out."""
    return sorted(path for path in _files(folder) if _is_text(path))


def _files(folder: Path) -> Iterator[str]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in SKIPPED and not name.startswith(".")]
        for name in names:
            path = os.path.join(parent, name)
            if not name.startswith(".") and os.path.isfile(path) and _can_travel(path):
                yield path


def _can_travel(path: str) -> bool:
    """Whether the path is proper text, which a message must be made of."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_text(path: str) -> bool:
    """Whether there is no NUL byte near its start, the test git uses; an unreadable file is left to the task."""
    try:
        with open(path, "rb") as file:
            return b"\0" not in file.read(HEAD_BYTES)
    except OSError:
        return True
