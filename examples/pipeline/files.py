"""Which files of a folder are read, by package."""

from __future__ import annotations

import os
from pathlib import Path

SKIPPED = {"__pycache__", "site-packages", "dist-packages", "build", "node_modules"}
"""Folders that hold no sources of the folder they are in."""


def python_files(folder: Path) -> dict[str, list[str]]:
    """The paths of all Python files below a folder by the folder they are in, both in order; hidden ones are left out."""
    found: dict[str, list[str]] = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in SKIPPED and not name.startswith("."))
        paths = [os.path.join(parent, name) for name in sorted(names) if name.endswith(".py")]
        if paths:
            found[str(Path(parent).relative_to(folder))] = paths
    return found
