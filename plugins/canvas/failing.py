"""Failing: the states of tasks that will never run, because something before them did not succeed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from kernelq.contracts import Effect, Message, Recorder, StashKey
from msgspec.structs import replace

from .joins import Part
from .pages import PageLost, is_page, unpaged
from .steps import id_of, tasks_in

if TYPE_CHECKING:
    from kernelq import KernelQ

log = logging.getLogger("kernelq.worker")

REASON = "upstream"
"""The reason of an outcome whose task never ran; its error is that of the task before it that did not succeed."""

_RECORDER: StashKey[Recorder] = StashKey()


def upstream(
    app: KernelQ, cause: Message, steps: Iterable[Any], state: str, error: BaseException, part: Part | None = None
) -> Iterator[Effect]:
    """What stores `state` with `error` for every task in `steps`, on pages too, on behalf of the message `cause`.

    The error of `part`, which is stored already, takes the place of `error`.
    """
    recorder = app.stash.get(_RECORDER, None)
    if recorder is None:
        recorder = app.stash.setdefault(_RECORDER, Recorder(app, None))
    model = recorder.make(replace(cause, retries=0, replaced=0), 0, state, error, REASON)
    if part is not None:
        model = replace(model, value=part.data, content_type=part.content_type)
    for step in tasks_in(whole(app, steps)):
        id = id_of(step)
        if id is None:
            continue  # nobody ever knew of it
        outcome = replace(
            model, id=id, task=step["task"], group_id=step["options"].get("group_id"), parent_id=None, traceback=None
        )
        yield from recorder.effects(outcome)


def whole(app: KernelQ, steps: Iterable[Any]) -> list[Any]:
    """The steps, those on pages included; what was on a page that is lost is left out, for the failure itself must be stored."""
    found: list[Any] = []
    for step in steps:
        if not is_page(step):
            found.append(step)
            continue
        try:
            found += whole(app, unpaged(app, [step])[0])
        except PageLost as error:
            log.error("nobody is told that a workflow failed before its later steps: %s", error)
    return found
