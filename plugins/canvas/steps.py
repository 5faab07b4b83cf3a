"""Steps: a canvas as what happens one after the other, which is how it travels.

A step is a task, or a group: that one waits for all its members if another step follows, which is then called with the
list of their values. A chord is the two steps of its header and its body, so that no step holds another one's followers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kernelq.errors import EncodeError

from .names import ACCUMULATE
from .options import listed, with_stamps
from .signature import Signature

if TYPE_CHECKING:
    from kernelq import KernelQ

FOREIGN = {"replaced_task_nesting": "replaced", "origin": None}
"""Options that signatures of a Celery peer may have, and ours of the same meaning; None: nobody's but the peer's."""

_KEY = re.compile(r"\[(\d+|'[^']*')\]")
"""A part of the path of an `EncodeError`."""


def steps_of(plain: Any) -> list[Any]:
    """The steps of a canonical canvas (see composing.py), each a signature or its plain form."""
    kind = plain.get("subtask_type")
    if kind == "chain":
        return [step for each in plain["kwargs"]["tasks"] for step in steps_of(each)]
    if kind == "chord":
        return [_header(plain), *steps_of(plain["kwargs"]["body"])]
    return [plain]


def _header(chord: Any) -> Any:
    """The header of a chord as a group, under the header's own id."""
    header, options = chord["kwargs"]["header"], {"task_id": chord["kwargs"].get("header_id")}
    members = header["kwargs"]["tasks"] if isinstance(header, Mapping) else header
    return {
        "task": "kernelq.group", "args": [], "kwargs": {"tasks": members}, "options": options, "subtask_type": "group",
        "immutable": False,
    }  # fmt: skip


def is_group(step: Any) -> bool:
    """Whether a step is a group, and not one task."""
    kind: str | None = step.get("subtask_type")
    return kind == "group"


def id_of(step: Any) -> str | None:
    """The id a step was given: of its task, or of its group."""
    found: str | None = step["options"].get("task_id")
    return found


def members_of(group: Any) -> Iterable[Any]:
    """The members of a group."""
    found: Iterable[Any] = group["kwargs"]["tasks"]
    return found


def tasks_in(steps: Iterable[Any]) -> Iterator[Any]:
    """Every single task in some steps."""
    for step in steps:
        if is_group(step):
            for member in members_of(step):
                yield from tasks_in(steps_of(member))
        else:
            yield step


def errbacks_of(steps: list[Any]) -> list[Any]:
    """The error callbacks of what was to be called with the values of a join: each one once.

    They stand on the first task, in a group on its members. A group that is followed by something may be the header of a
    chord, whose own stand on its body; or all of the body, and its own on every member.
    """
    first, *rest = steps
    if is_group(first):
        of_members = [errbacks_of(steps_of(member)) for member in members_of(first)]
        found = [each for errbacks in of_members for each in errbacks]
        if rest and rest[0]["task"] != ACCUMULATE:
            found = [each for each in found if all(each in errbacks for errbacks in of_members)] + errbacks_of(rest)
        return [each for index, each in enumerate(found) if each not in found[:index]]
    return listed(first["options"].get("link_error"))


def call_options(step: Any) -> dict[str, Any]:
    """The options of a single task as those of a call: stamps in one place, without what is a peer's only."""
    options = dict(step["options"])
    for name, ours in FOREIGN.items():
        if name in options:
            value = options.pop(name)
            if ours is not None:
                options[ours] = value
    return with_stamps(options)


def written(app: KernelQ, steps: list[Any]) -> tuple[str, bytes]:
    """(content type, bytes) of steps that are to be kept.

    Raises:
        EncodeError: an argument cannot be serialised; names its call.
    """
    serializer = app.serializer(app.conf.task_serializer)
    try:
        return serializer.content_type, serializer.dumps(steps)
    except EncodeError as error:
        raise at_fault(error, steps, "") from error


def at_fault(error: EncodeError, steps: Any, path: str) -> EncodeError:
    """The error with the name of the call in `steps` that cannot be written; `path` is where they were to be."""
    if not error.path.startswith(path):
        return error
    name, found = None, steps
    for key in _KEY.findall(error.path.removeprefix(path)):
        try:
            found = found[int(key) if key.isdecimal() else key[1:-1]]
        except (LookupError, TypeError):
            break
        if isinstance(found, Mapping) and "subtask_type" in found:
            name = found["task"]
    return (
        error
        if name is None
        else EncodeError(f"{error}; it is in the call of {name!r}, which is to follow", error.path)
    )


def revived(app: KernelQ, step: Any) -> Signature[Any]:
    """A step as a signature."""
    return step if isinstance(step, Signature) else Signature.from_dict(step, app=app)
