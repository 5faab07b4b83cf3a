"""What a signature is made of, as short text: ``chain(add, chord(group(add, add), xsum))``."""

from __future__ import annotations

from typing import Any


def shape(sig: Any) -> str:
    """The shape of a signature or of its plain form; a task by the last part of its name and its arguments."""
    kwargs = sig["kwargs"]
    kind = sig["subtask_type"]
    if kind in ("chain", "group"):
        return f"{kind}({', '.join(map(shape, kwargs['tasks']))})"
    if kind == "chord":
        header = kwargs["header"]
        tasks = header["kwargs"]["tasks"] if isinstance(header, dict) else header
        body = "nothing" if kwargs["body"] is None else shape(kwargs["body"])
        return f"chord([{', '.join(map(shape, tasks))}], {body})"
    return "".join([sig["task"].rpartition(".")[2], *map(str, sig["args"])])
