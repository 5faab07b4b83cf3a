"""Publishing: from a call to a message the broker has accepted."""

from __future__ import annotations

import datetime
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from .context import Context, frames
from .errors import BrokerFull, BrokerUnavailable, EncodeError
from .ids import uuid
from .message import Message
from .protocol import EMBED, apply_headers, headers_of
from .retry import intervals

if TYPE_CHECKING:
    from kernelq import AsyncResult

    from .app import KernelQ
    from .task import Task

log = logging.getLogger("kernelq.publish")

OPTIONS = frozenset(
    {
        "task_id", "countdown", "eta", "expires", "queue", "priority", "serializer", "time_limit", "soft_time_limit",
        "ignore_result", "headers", "shadow", "retry", "retry_policy", "add_to_parent", "root_id", "parent_id",
        "argsrepr", "kwargsrepr",
    }
)  # fmt: skip
"""The options of a call."""


class Publisher:
    """Makes messages of calls and hands them to the broker. One per app; thread-safe."""

    def __init__(self, app: KernelQ, now: Callable[[], float] = time.time) -> None:
        self.app = app
        self.now = now

    def send(
        self,
        task: Task[..., Any] | None,
        name: str,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
        options: dict[str, Any],
    ) -> AsyncResult[Any]:
        """Publish one call; `task` is None for a name not known here. See `Task.apply_async`."""
        message = self.message(task, name, args, kwargs, options)
        holder = self.publish([message], options)
        result = self.app.AsyncResult(holder or message.id, task_name=name, ignored=message.ignore_result is True)
        frame = frames.get()
        if frame is not None and frame.task.trail and options.get("add_to_parent", True):
            frame.request.children.append(result)
        return result

    def message(
        self,
        task: Task[..., Any] | None,
        name: str,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
        options: dict[str, Any],
    ) -> Message:
        """The message of one call, checked and serialised."""
        if args is None:
            args = ()
        elif not isinstance(args, list | tuple):
            raise TypeError(
                f"expected the arguments of {name} as a list or tuple, got {args!r}; (x,) is a tuple of one"
            )
        if kwargs is None:
            kwargs = {}
        if task is not None:
            task.check_arguments(args, kwargs)
        if not options.keys() <= OPTIONS:
            unknown = ", ".join(sorted(options.keys() - OPTIONS))
            raise TypeError(f"unknown option {unknown} in the call of {name} (known: {', '.join(sorted(OPTIONS))})")
        now = self.now()
        content_type, body = self._encode(task, name, args, kwargs, EMBED, options.get("serializer"))
        message = Message(
            id=options.get("task_id") or uuid(),
            task=name,
            body=body,
            content_type=content_type,
            queue=options.get("queue") or self._default(task, "queue", "task_default_queue"),
            priority=self._priority(options.get("priority"), task, name),
            sent_at=now,
            ignore_result=options["ignore_result"]
            if "ignore_result" in options
            else self._default(task, "ignore_result", None),
        )
        frame = frames.get()
        if frame is not None and frame.request.message is not None:
            running = frame.request.message
            message = replace(message, parent_id=running.id, root_id=running.root_id or running.id)
        if options or (task is not None and task.expires is not None):
            message = self._with_options(message, options, task, now)
        return message

    def again(
        self,
        task: Task[..., Any],
        request: Context,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
        options: dict[str, Any],
    ) -> Message:
        """The message of the next try of a running task: same id and everything, one retry more."""
        message = request.message
        assert message is not None
        body = message.body
        if args is not None or kwargs is not None:
            new_args = request.args if args is None else args
            new_kwargs = request.kwargs if kwargs is None else kwargs
            _, body = self._encode(task, message.task, new_args, new_kwargs, request.embed, message.content_type)
        now = self.now()
        successor = replace(message, retries=message.retries + 1, body=body, eta=None, sent_at=now)
        return self._with_options(
            successor, {name: value for name, value in options.items() if value is not None}, None, now
        )

    def publish(self, messages: Sequence[Message], options: Mapping[str, Any] | None = None) -> str | None:
        """Hand messages to the broker, trying again while it is away, as the retry policy says.

        Returns the id of the task that already holds the place of a refused single message, else None.

        Raises:
            BrokerUnavailable, BrokerFull: it was not accepted.
        """
        options = options or {}
        plugins = self.app.plugins
        policy = {**self.app.conf.task_publish_retry_policy, **(options.get("retry_policy") or {})}
        if plugins.heard("before_task_publish"):
            messages = [self._announced(message, policy) for message in messages]
        if plugins.heard("admit"):
            admitted = [message for message in messages if (holder := self._admit(message)) is None]
            if not admitted and messages:
                return holder
            messages = admitted
        self._deliver(messages, policy, is_retried=options.get("retry", self.app.conf.task_publish_retry))
        if plugins.heard("after_task_publish"):
            for message in messages:
                plugins.notify("after_task_publish", app=self.app, message=message)
        return None

    def _deliver(self, messages: Sequence[Message], policy: Mapping[str, Any], *, is_retried: bool) -> None:
        waits = intervals(policy["interval_start"], policy["interval_step"], policy["interval_max"])
        tries = 0
        while True:
            try:
                self.app.broker.publish(messages)
                return
            except (BrokerUnavailable, BrokerFull) as error:
                tries += 1
                if not is_retried or (policy["max_retries"] is not None and tries > policy["max_retries"]):
                    raise
                wait = next(waits)
                log.warning("publishing failed, trying again in %.1f s: %s", wait, error)
                time.sleep(wait)

    def _announced(self, message: Message, policy: dict[str, Any]) -> Message:
        headers, properties = headers_of(message)
        args, kwargs, embed = self.app.serializer(message.content_type).loads(message.body)
        self.app.plugins.notify(
            "before_task_publish",
            app=self.app,
            body=(args, kwargs, embed),
            headers=headers,
            properties=properties,
            retry_policy=policy,
        )
        return apply_headers(message, headers, properties)

    def _admit(self, message: Message) -> str | None:
        args, kwargs, _ = self.app.serializer(message.content_type).loads(message.body)
        verdict = self.app.plugins.hook.admit(app=self.app, message=message, args=args, kwargs=kwargs)
        if verdict is None or verdict.accepted:
            return None
        if verdict.error is not None:
            raise verdict.error
        return str(verdict.holder_id)

    def _encode(
        self,
        task: Task[..., Any] | None,
        name: str,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        embed: Mapping[str, Any],
        serializer_name: str | None,
    ) -> tuple[str, bytes]:
        serializer = self.app.serializer(serializer_name or self._default(task, "serializer", "task_serializer"))
        try:
            return serializer.content_type, serializer.dumps([list(args), kwargs, embed])
        except EncodeError as error:
            raise EncodeError(f"{error} (arguments of task {name!r})", error.path) from error

    def _default(self, task: Task[..., Any] | None, attribute: str, setting: str | None) -> Any:
        value = getattr(task, attribute, None) if task is not None else None
        return self.app.conf.get(setting) if value is None and setting is not None else value

    def _priority(self, given: int | None, task: Task[..., Any] | None, name: str) -> int:
        priority = self._default(task, "priority", "task_default_priority") if given is None else given
        if not isinstance(priority, int) or not 0 <= priority <= 9:
            raise ValueError(
                f"expected a priority from 0 to 9 (the higher the sooner), got {priority!r} in the call of {name}"
            )
        return priority

    def _with_options(
        self, message: Message, options: Mapping[str, Any], task: Task[..., Any] | None, now: float
    ) -> Message:
        changes: dict[str, Any] = {
            name: options[name]
            for name in ("shadow", "headers", "root_id", "parent_id", "argsrepr", "kwargsrepr", "queue", "priority")
            if options.get(name) is not None
        }
        if options.get("countdown"):
            changes["eta"] = now + options["countdown"]
        elif options.get("eta") is not None and options.get("countdown") is None:
            changes["eta"] = self.instant(options["eta"], now, "eta")
        expires = options.get("expires", task.expires if task is not None else None)
        if expires is not None:
            changes["expires"] = self.instant(expires, now, "expires")
        hard, soft = options.get("time_limit"), options.get("soft_time_limit")
        if hard is not None or soft is not None:
            changes["timelimit"] = checked_limits(hard, soft, message.task)
        return replace(message, **changes) if changes else message

    def instant(self, value: Any, now: float, name: str) -> float:
        """UTC epoch seconds of a number of seconds from now, a datetime (naive: the app's zone) or ISO text."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return now + value
        if isinstance(value, datetime.timedelta):
            return now + value.total_seconds()
        if isinstance(value, str):
            try:
                value = datetime.datetime.fromisoformat(value)
            except ValueError as error:
                raise ValueError(f"expected {name} as a datetime or ISO 8601 text, got {value!r}") from error
        if not isinstance(value, datetime.datetime):
            raise TypeError(f"expected {name} as seconds, a datetime or ISO 8601 text, got {value!r}")
        if value.tzinfo is None:
            value = value.replace(tzinfo=self.app.timezone)
        return value.timestamp()


def checked_limits(hard: float | None, soft: float | None, name: str) -> tuple[float | None, float | None]:
    """The limits (seconds) as a message carries them; a soft one above the hard one is a `ValueError`."""
    if hard is not None and soft is not None and soft > hard:
        raise ValueError(f"the soft time limit of {name} ({soft:g} s) must not be above the hard one ({hard:g} s)")
    return (hard, soft)


def origin() -> str:
    """The name of this process as a publisher: ``gen<pid>@<host>``."""
    return f"gen{os.getpid()}@{socket.gethostname()}"
