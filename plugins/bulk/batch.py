"""`kernelq.bulk`: publishing messages together, with each one's own fate.

For plugins that collect calls: `policy_of` and `result_of` do what a single call does around its publish.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from kernelq import AsyncResult
from kernelq.contracts import BrokerError, Caller, Message, StashKey, frames

if TYPE_CHECKING:
    from kernelq import KernelQ

Fates: TypeAlias = "dict[str, str | Exception]"
"""Message id → the id of the task that holds its place already, or why it was not accepted. The accepted are left out."""

_CALLER: StashKey[tuple[tuple[int, int], Caller | None]] = StashKey()


def publish_each(app: KernelQ, messages: Sequence[Message], policy: Mapping[str, Any]) -> Fates:
    """Publish messages in one round trip; what became of those that were not accepted. Raises nothing of that."""
    if not messages:
        return {}
    if app.plugins.heard("admit"):
        # A plugin is asked of each message, and may refuse it; asking twice would make it refuse what it let pass.
        return _one_by_one(app, messages, policy)
    try:
        app.publisher.publish(messages, **policy)
    except BrokerError as error:
        return {message.id: error for message in messages}
    except Exception as error:  # noqa: BLE001  (a plugin's, before anything was published; it goes to the caller)
        if len(messages) == 1:
            return {messages[0].id: error}
        return _one_by_one(app, messages, policy)
    return {}


def _one_by_one(app: KernelQ, messages: Sequence[Message], policy: Mapping[str, Any]) -> Fates:
    fates: Fates = {}
    for i, message in enumerate(messages):
        try:
            holder = app.publisher.publish([message], **policy)
        except BrokerError as error:
            # The next one would wait as long, to hear the same.
            return fates | {left.id: error for left in messages[i:]}
        except Exception as error:  # noqa: BLE001  (this message's alone; it goes to the caller)
            fates[message.id] = error
        else:
            if holder is not None:
                fates[message.id] = holder
    return fates


def policy_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Of a call's options those that say how it is published: messages that have them in common may share a round trip."""
    return {name: options[name] for name in ("retry", "retry_policy", "session") if name in options} if options else {}


def result_of(
    app: KernelQ, message: Message, holder: str | None = None, options: Mapping[str, Any] | None = None
) -> AsyncResult[Any]:
    """The caller's handle; inside a task it becomes one of its children."""
    result: AsyncResult[Any] = AsyncResult(
        holder or message.id, app=app, task_name=message.task, ignored=message.ignore_result is True
    )
    frame = frames.get()
    if frame is not None and frame.task.trail and (options or {}).get("add_to_parent", True):
        frame.request.children.append(result)
    return result


def caller_of(app: KernelQ) -> Caller | None:
    """What runs calls in this process instead of publishing them (hook `make_caller`), for the present settings."""
    state = (app.conf.layers.generation, app.plugins.generation)
    known = app.stash.get(_CALLER, None)
    if known is None or known[0] != state:
        app.finalize()
        made: Caller | None = app.plugins.hook.make_caller(app=app)
        # The settings are read by now, which may have brought plugins.
        known = ((app.conf.layers.generation, app.plugins.generation), made)
        app.stash[_CALLER] = known
    return known[1]
