"""Taking over: a canvas that runs in the place of the task which is running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .composing import canonical
from .ends import TakenOver
from .ids import derived_ids
from .launching import Launch
from .pages import unpaged
from .steps import id_of, steps_of, tasks_in
from .store import effects, store_of

if TYPE_CHECKING:
    from kernelq import Task
    from kernelq.contracts import Message

    from .signature import Signature


def take_over(task: Task[..., Any], message: Message, sig: Signature[Any]) -> TakenOver:
    """What ends the run of `message` and starts `sig` in its place, whose last task gets the id, the place in a chord and
    all that was to follow."""
    app, chain = task.app, task.request.chain
    with derived_ids(f"{message.id}/{message.replaced}/{message.retries}/replaced"):
        ready = canonical(sig)
        assert ready is not None  # an empty one was refused before
        ready.freeze(message.id, group_id=message.group, group_index=message.group_index)
        steps = steps_of(ready)
        for step in tasks_in(steps[-1:]):
            if id_of(step) == message.id:
                step["options"]["replaced"] = message.replaced + 1
        following, read = unpaged(app, (chain or [])[::-1])
        launch = Launch(
            app, parent_id=message.parent_id, root_id=message.root_id or message.id, reply_to=message.reply_to
        )  # fmt: skip
        launch.start([*steps, *following], (), message.chord)
    return TakenOver(
        f"replaced by {sig!r}", [*launch.messages, *effects(store_of(app), [*read, *launch.ops])]
    )  # fmt: skip
