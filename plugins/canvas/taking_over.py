"""Taking over: a canvas that runs in the place of the task which is running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .ends import TakenOver
from .ids import derived_ids
from .launching import Launch
from .pages import unpaged
from .steps import steps_of
from .store import effects, store_of

if TYPE_CHECKING:
    from kernelq import Task
    from kernelq.contracts import Message

    from .signature import Signature


def take_over(task: Task[..., Any], message: Message, sig: Signature[Any]) -> TakenOver:
    """What ends the run of `message` and starts `sig`, as `stand_in` made it, with all that was to follow."""
    app, chain = task.app, task.request.chain
    with derived_ids(f"{message.id}/{message.replaced}/{message.retries}/replaced"):
        sig.freeze(message.id)
        steps = steps_of(sig)
        following, read = unpaged(app, (chain or [])[::-1])
        launch = Launch(
            app, parent_id=message.parent_id, root_id=message.root_id or message.id, reply_to=message.reply_to
        )  # fmt: skip
        launch.start([*steps, *following], (), message.chord)
    return TakenOver(
        f"replaced by {sig!r}", [*launch.messages, *effects(store_of(app), [*read, *launch.ops])]
    )  # fmt: skip
