"""Signatures made of others, as text: ``proj.add(2) | add(4)``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .chain import chain
from .chord import chord
from .group import group
from .lazy import Lazy
from .signature import Signature


def text_of(sig: Signature[Any]) -> str:
    """The calls in it; a module is named by the first task of it, and left out by those that follow."""
    return _text(sig, set())


def _text(sig: Any, seen: set[str], arguments: Callable[[], str] | None = None) -> str:
    """The text of a part; `arguments`, if any, come before its own."""
    if sig.subtask_type is None and sig.task not in Signature.OF_TASK:
        return _call(sig, seen, arguments)
    tasks = sig.kwargs.get("tasks")
    if isinstance(sig, chain) and tasks:
        first = _text(tasks[0], seen, arguments)
        return " | ".join([first, *(_text(task, seen) for task in tasks[1:])])
    if isinstance(sig, chain):
        text = "<chain: empty>"
    elif isinstance(sig, group):
        text = f"group({_list(tasks, seen) if isinstance(tasks, Lazy) or tasks else '<empty>'})"
    elif isinstance(sig, chord):
        text = _chord(sig, seen)
    else:
        text = repr(sig)
    return text if arguments is None else f"({text})({arguments()})"


def _call(sig: Any, seen: set[str], arguments: Callable[[], str] | None) -> str:
    name: str = sig.task
    module = name[: name.rfind(".") + 1]
    own = sig.reprcall()[len(name) + 1 : -1]
    if module in seen:
        name = name.removeprefix(module)
    seen.add(module)
    given = () if arguments is None else (arguments(),)
    return f"{name}({', '.join([*given, *([own] if own else [])])})"


def _chord(sig: Any, seen: set[str]) -> str:
    if sig.body is None:
        return f"<chord without body: {_list(sig.tasks, seen)}>"
    body = _text(sig.body, seen, lambda: _list(sig.tasks, seen))
    return f"%({body})" if isinstance(sig.body, chain) else f"%{body}"


def _list(tasks: Any, seen: set[str]) -> str:
    if isinstance(tasks, Lazy):
        return repr(tasks)
    inner = ", ".join(_text(task, seen) for task in tasks)
    return f"({inner})" if isinstance(tasks, tuple) else f"[{inner}]"
