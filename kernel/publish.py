"""Publishing: from a call to a message the broker has accepted."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from . import _api
from .admission import decode_body
from .context import frames
from .errors import BrokerFull, BrokerRefused, BrokerUnavailable, CapabilityMissing, EncodeError
from .ids import uuid
from .message import Message
from .settings import KERNEL_SETTINGS

if TYPE_CHECKING:
    from kernelq import AsyncResult

    from .app import KernelQ
    from .codecs import Serializer
    from .hooks import Caller, Router
    from .task import Task

log = logging.getLogger("kernelq.publish")

EMBED: Mapping[str, Any] = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
"""The third part of a body without callbacks."""

FIELDS = (
    "shadow", "headers", "root_id", "parent_id", "group_index", "argsrepr", "kwargsrepr", "queue", "exchange", "routing_key",
    "priority", "ignore_result", "reply_to", "stamps", "stamped_headers", "replaced", "retries", "chord",
)  # fmt: skip
"""Options that are fields of the message under the same name."""

EMBEDDED = {"link": "callbacks", "link_error": "errbacks", "chain": "chain"}
"""Options that travel in the third part of the body, under that name: signatures of what follows."""

PROPERTIES = frozenset({"delivery_mode", "exchange_type", "mandatory"})
"""Options that are for the engine to understand."""

OF_TASK = ("queue", "priority", "serializer", "compression")  # what a call may leave out

POLICY: Mapping[str, Any] = KERNEL_SETTINGS["task_publish_retry_policy"].default
"""What a retry policy leaves out is taken from here."""

OPTIONS = frozenset({*FIELDS, *EMBEDDED, *PROPERTIES}) | {
    "task_id", "group_id", "countdown", "eta", "expires", "serializer", "compression", "time_limit", "soft_time_limit", "retry",
    "retry_policy", "add_to_parent", "session",
}  # fmt: skip
"""Every option of a call."""


class Publisher:
    """Makes messages of calls and hands them to the broker. One per app; thread-safe."""

    def __init__(self, app: KernelQ, now: Callable[[], float] = time.time) -> None:
        self.app = app
        self.now = now
        self._seen = (-1, -1)  # the generations of settings and plugins that `_Known` was looked up in
        self._known: _Known | None = None

    def forget(self) -> None:
        """Look everything up anew; the app has closed its connections."""
        self._known = None

    def _look_up(self) -> _Known:
        """What every publish needs, looked up once for each state of the settings and the plugins."""
        known = self._known
        layers = self.app.conf.layers
        if known is None or self._seen != (layers.generation, known.plugins.generation):
            known = self._known = _Known(self.app)
            self._seen = (layers.generation, known.plugins.generation)
        return known

    def call(self, task: Task[..., Any], args: Any, kwargs: Any, options: dict[str, Any]) -> AsyncResult[Any]:
        """Publish a call of a task, or run it here when a plugin says so (hook `make_caller`)."""
        call_here = self._look_up().call_here
        if call_here is not None:
            return call_here(task, args, kwargs, options)
        return self.send(task, task.name, args, kwargs, options)

    def send(
        self, task: Task[..., Any] | None, name: str, args: Any, kwargs: Any, options: dict[str, Any]
    ) -> AsyncResult[Any]:
        """Publish one call; `task` is None for a name not known here. See `Task.apply_async`."""
        message = self.message(task, name, args, kwargs, options)
        ways = {name: options.get(name) for name in ("retry", "retry_policy", "session")} if options else {}
        holder = self.publish([message], **ways)
        known = self._look_up()
        ignored = message.ignore_result is True
        result: AsyncResult[Any] = known.result(holder or message.id, app=self.app, task_name=name, ignored=ignored)
        frame = frames.get()
        if frame is not None and frame.task.trail and options.get("add_to_parent", True):
            frame.request.children.append(result)
        return result

    def message(
        self, task: Task[..., Any] | None, name: str, args: Any, kwargs: Any, options: dict[str, Any]
    ) -> Message:
        """The message of one call, checked and serialised."""
        args = () if args is None else args
        kwargs = {} if kwargs is None else kwargs
        if not isinstance(args, list | tuple) or (type(kwargs) is not dict and not isinstance(kwargs, Mapping)):
            raise TypeError(
                f"expected a list or tuple and a mapping as arguments of {name}, got {args!r} and {kwargs!r}"
            )
        now, known = self.now(), self._look_up()
        if task is not None and task.check is not None:
            task.check(*args, **kwargs)
        if options and not options.keys() <= OPTIONS:
            unknown = ", ".join(sorted(options.keys() - OPTIONS))
            raise TypeError(f"unknown option {unknown} in the call of {name} (known: {', '.join(sorted(OPTIONS))})")
        if known.route is not None:
            options = known.route(name, args, kwargs, options, task)
        queue, priority, serializer_name, compression = known.defaults if task is None else task.options(OF_TASK)
        if options:
            serializer_name = options.get("serializer") or serializer_name
            compression = options.get("compression") or compression
        content = [list(args), kwargs, _embed(options)]
        serializer, compression, body = self.encode(name, content, serializer_name, compression)
        message = Message(
            id=options.get("task_id") or uuid(),
            task=name,
            body=body,
            content_type=serializer.content_type,
            content_encoding=serializer.content_encoding,
            compression=compression,
            queue=queue,
            priority=priority,
            sent_at=now,
            ignore_result=None if task is None else task.ignore_result,
            reply_to=options.get("reply_to") or (None if known.backend is None else known.backend.reply_to),
        )
        frame = frames.get()
        if frame is not None and frame.request.message is not None:
            running = frame.request.message
            message = replace(message, parent_id=running.id, root_id=running.root_id or running.id)
        if task is not None and (task.expires is not None or task.is_shadowed):
            shadow = task.shadow_name(args, kwargs, options) if task.is_shadowed else None
            options = {"expires": task.expires, "shadow": shadow, **options}
        if options:
            message = self.with_options(message, options, now)
        if not 0 <= message.priority <= 9:
            raise ValueError(
                f"expected a priority from 0 to 9, the higher the sooner, got {message.priority!r} for {name}"
            )
        return message

    def publish(
        self,
        messages: Sequence[Message],
        *,
        retry: bool | None = None,
        retry_policy: Mapping[str, Any] | None = None,
        session: Any = None,
    ) -> str | None:
        """Hand messages to the broker, trying again while it is away, as the retry policy says.

        With `session` they become part of the caller's own transaction, see `Broker.publish_within`.

        Returns the id of the task that already holds the place of a refused single message, else None.

        Raises:
            BrokerUnavailable, BrokerFull: they were not accepted.
        """
        known, holder = self._look_up(), None
        plugins = known.plugins
        policy = known.policy if retry_policy is None else {**known.policy, **retry_policy}
        if known.changers:
            policy = dict(policy)
            messages = [plugins.before_publish(self.app, message, policy) for message in messages]
        if known.gatekeepers:
            verdicts = [(message, self._holder(message)) for message in messages]
            messages = [message for message, holder in verdicts if holder is None]
            holder = verdicts[-1][1] if verdicts else None
        if messages and session is not None:
            known.broker.publish_within(session, messages)
        elif messages:
            began = time.monotonic()
            try:
                known.broker.publish(messages)
            except (BrokerUnavailable, BrokerFull) as error:
                if isinstance(error, BrokerRefused) or not (known.is_retried if retry is None else retry):
                    policy = {**policy, "max_retries": 0}
                about = {"messages": messages, "retry_policy": policy, "error": error, "began": began}
                if not plugins.hook.publish_failed(app=self.app, **about):
                    raise
        if known.listeners:
            plugins.published(self.app, messages)
        return holder

    def _holder(self, message: Message) -> str | None:
        """The id of the task in whose favour this message is refused; None when it may be published."""
        args, kwargs, _ = decode_body(self.app, message)
        verdict = self.app.plugins.hook.admit(app=self.app, message=message, args=args, kwargs=kwargs)
        if verdict is None or verdict.accepted:
            return None
        if verdict.error is not None:
            raise verdict.error
        return str(verdict.holder_id)

    def encode(
        self, name: str, content: list[Any], serializer_name: str, compression: str | None
    ) -> tuple[Serializer, str | None, bytes]:
        """The body of a call of the task `name`: (serializer, content type of the compression, bytes)."""
        known = self._look_up()
        serializer = known.serializers.get(serializer_name) or self.app.serializer(serializer_name)
        try:
            body = serializer.dumps(content)
        except EncodeError as error:
            raise EncodeError(
                f"{error} ([0] are the arguments, [1] the keywords, of task {name!r})", error.path
            ) from error
        if len(body) > known.max_size:
            raise EncodeError(
                f"the arguments of {name} are {len(body):,} bytes, more than the setting task_max_size ({known.max_size:,}); "
                "keep large data elsewhere and send a reference to it"
            )
        if compression is None:
            return serializer, None, body
        compressor = self.app.compressor(compression)
        return serializer, compressor.content_type, compressor.compress(body)

    def with_options(self, message: Message, options: Mapping[str, Any], now: float) -> Message:
        """The message with what the options of a call ask for."""
        changes = {name: options[name] for name in FIELDS if options.get(name) is not None}
        changes |= {
            name: str(changes[name]) for name in ("queue", "exchange") if name in changes
        }  # not a subclass of str
        if options.get("group_id") is not None:
            changes["group"] = options["group_id"]
        if not PROPERTIES.isdisjoint(options):
            changes["properties"] = {name: options[name] for name in PROPERTIES if options.get(name) is not None}
        countdown, eta, expires = options.get("countdown"), options.get("eta"), options.get("expires")
        if countdown or eta is not None:
            if not self.app.broker.capabilities.delay:
                raise CapabilityMissing(
                    f"{type(self.app.broker).__name__} cannot keep a message for later (eta, countdown)"
                )
            changes["eta"] = self.app.instant(countdown or eta, now, "eta")
        if expires is not None:
            changes["expires"] = self.app.instant(expires, now, "expires")
        hard, soft = options.get("time_limit"), options.get("soft_time_limit")
        if hard is not None and soft is not None and soft > hard:
            raise ValueError(
                f"the soft time limit of {message.task} ({soft:g} s) must not be above the hard one ({hard:g} s)"
            )
        if hard is not None or soft is not None:
            changes["timelimit"] = (hard, soft)
        return replace(message, **changes) if changes else message


class _Known:
    """What every publish needs of the app; see `Publisher._look_up`."""

    def __init__(self, app: KernelQ) -> None:
        conf = app.conf
        app.finalize(auto=True)
        self.plugins = app.plugins
        self.policy: Mapping[str, Any] = {**POLICY, **conf.task_publish_retry_policy}
        self.is_retried: bool = conf.task_publish_retry
        self.serializers = app.serializers
        names = ("task_default_queue", "task_default_priority", "task_serializer", "task_compression")
        self.defaults: Any = tuple(conf[name] for name in names)
        self.route: Router | None = app.plugins.hook.make_router(app=app)
        self.call_here: Caller | None = app.plugins.hook.make_caller(app=app)
        self.broker = app.broker
        self.backend = app.backend if app.backend_url else None
        self.max_size: int = conf.task_max_size
        self.changers = app.plugins.heard("before_task_publish")
        self.gatekeepers = app.plugins.heard("admit")
        self.listeners = app.plugins.heard("after_task_publish")
        self.result = _api.find("AsyncResult")


def _embed(options: Mapping[str, Any]) -> Mapping[str, Any]:
    if not options or EMBEDDED.keys().isdisjoint(options):
        return EMBED
    return {**EMBED, **{place: _listed(options.get(name)) for name, place in EMBEDDED.items()}}


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else [value] if value else None


def intervals(start: float, step: float, maximum: float) -> Iterator[float]:
    """The waits between tries of a publish or a connection: linear growth, bounded, with ±20 % jitter.

    Endless; the caller bounds the tries. The names are those of a Celery `retry_policy`.
    """
    wait = start
    while True:
        yield min(wait, maximum) * random.uniform(0.8, 1.2)
        wait = min(wait + step, maximum)
