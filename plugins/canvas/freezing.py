"""Freezing: ids for everything in a signature of canonical form, and the results to come."""

from __future__ import annotations

from typing import Any

from kernelq import GroupResult

from .chain import chain
from .chord import chord
from .group import group
from .ids import new_id
from .signature import Signature


def freeze(
    sig: Signature[Any],
    _id: str | None = None,
    group_id: str | None = None,
    chord_: Any = None,
    root_id: str | None = None,
    parent_id: str | None = None,
    group_index: int | None = None,
) -> Any:
    """Give every task in it an id, in place; the result of what comes last. Ids that are set are kept."""
    place = {"group_id": group_id, "chord": chord_, "group_index": group_index}
    if isinstance(sig, chain):
        return _chain(sig, _id, root_id, parent_id, place)
    if isinstance(sig, group):
        return _group(sig, _id, root_id, parent_id, place)
    if isinstance(sig, chord):
        return _chord(sig, _id, root_id, parent_id, place)
    return sig.freeze(_id, root_id=root_id, parent_id=parent_id, **place)


def place_under(result: Any, parent: Any) -> None:
    """Let `parent` be what the first of the results that lead to this one comes after."""
    while result.parent is not None:
        result = result.parent
    result.parent = parent


def _chain(sig: chain[Any], _id: Any, root_id: Any, parent_id: Any, place: dict[str, Any]) -> Any:
    *before, last = sig.tasks
    above: Any = None
    for step in before:
        result = freeze(step, root_id=root_id, parent_id=parent_id if above is None else None)
        if above is not None:
            place_under(result, above)
        above = result
    result = _freeze(last, _id, root_id, None, place)
    place_under(result, above)
    return result


def _group(sig: group[Any], _id: Any, root_id: Any, parent_id: Any, place: dict[str, Any]) -> Any:
    sig.options["task_id"] = group_id = sig.options.get("task_id") or _id or new_id()
    for name, value in place.items():
        if value is not None:
            sig.options.setdefault(name, value)
    sig.tasks = list(sig.tasks)
    results = [
        freeze(task, group_id=group_id, group_index=index, root_id=root_id, parent_id=parent_id)
        for index, task in enumerate(sig.tasks)
    ]
    if len(results) == 1 and isinstance(results[0], GroupResult):
        return results[0]  # what it ends in
    return GroupResult(group_id, results, app=sig.app)


def _chord(sig: chord[Any], _id: Any, root_id: Any, parent_id: Any, place: dict[str, Any]) -> Any:
    header = sig.header
    header_id = sig.kwargs.get("header_id") or header.id or new_id()
    sig.kwargs["header"], sig.kwargs["header_id"] = header, header_id
    above = _group(header, header_id, root_id, parent_id, {})
    result = _freeze(sig.body, _id, root_id, None, place)
    place_under(result, above)
    return result


def _freeze(sig: Signature[Any], _id: Any, root_id: Any, parent_id: Any, place: dict[str, Any]) -> Any:
    return freeze(
        sig, _id, place.get("group_id"), place.get("chord"), root_id, parent_id, place.get("group_index")
    )  # fmt: skip
