"""The results to come of steps that were started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernelq import GroupResult

from .ids import new_id
from .steps import id_of, is_group, members_of, steps_of

if TYPE_CHECKING:
    from kernelq import KernelQ


def result_of(app: KernelQ, steps: list[Any]) -> Any:
    """The result of the first of `steps`: of a task its own, of a header the body's, of a group one of all its members."""
    first, *rest = steps
    if not is_group(first):
        return app.AsyncResult(id_of(first) or new_id())
    if rest:
        return result_of(app, rest)
    results = [result_of(app, steps_of(member)[-1:]) for member in members_of(first)]
    return GroupResult(id_of(first) or new_id(), results, app=app)
