"""What is found in a source file, and how findings are added up. Plain Python, which knows of no queue."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict


class Function(TypedDict):
    """A function or method as it stands in the source."""

    where: str
    lines: int
    is_documented: bool


class Source(TypedDict):
    """What one file consists of."""

    lines: int
    functions: list[Function]
    imports: list[str]


class Findings(TypedDict):
    """Numbers about some files."""

    files: int
    lines: int
    functions: int
    documented: int
    longest: tuple[int, str]
    imports: dict[str, int]


def parse(path: str) -> Source:
    """What is in a file.

    Raises:
        SyntaxError: it is no Python.
    """
    text = Path(path).read_text(encoding="utf-8")
    nodes = list(ast.walk(ast.parse(text, path)))
    functions: list[Function] = [
        {
            "where": f"{path}:{node.lineno} {node.name}",
            "lines": (node.end_lineno or node.lineno) - node.lineno + 1,
            "is_documented": ast.get_docstring(node) is not None,
        }
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    imports = [name for node in nodes for name in _imported(node)]
    return {"lines": text.count("\n"), "functions": functions, "imports": imports}


def measure(source: Source) -> Findings:
    """The numbers of one file."""
    functions = source["functions"]
    return {
        "files": 1,
        "lines": source["lines"],
        "functions": len(functions),
        "documented": sum(function["is_documented"] for function in functions),
        "longest": max(((function["lines"], function["where"]) for function in functions), default=(0, "")),
        "imports": dict(Counter(source["imports"])),
    }


def add_up(parts: Iterable[Findings]) -> Findings:
    """The numbers of several files, of those of each."""
    whole: Findings = {"files": 0, "lines": 0, "functions": 0, "documented": 0, "longest": (0, ""), "imports": {}}
    imports: Counter[str] = Counter()
    for part in parts:
        whole["files"] += part["files"]
        whole["lines"] += part["lines"]
        whole["functions"] += part["functions"]
        whole["documented"] += part["documented"]
        whole["longest"] = max(whole["longest"], part["longest"])
        imports.update(part["imports"])
    whole["imports"] = dict(imports)
    return whole


def _imported(node: ast.AST) -> list[str]:
    """The packages that a statement imports from."""
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module.partition(".")[0]]
    return []
