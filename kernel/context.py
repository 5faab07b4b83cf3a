"""The request: what a running task knows of its own run (`self.request`), and how a run ended."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import msgspec

from .broker import Delivery, Verdict
from .failure import safe_text
from .message import Message
from .outcome import Outcome

if TYPE_CHECKING:
    from .task import Task


class Context(msgspec.Struct, dict=True, weakref=True, eq=False):
    """One run of a task, under the names users know from Celery's request.

    Beside the attributes set here: every field of the message (`id`, `task`, `retries`, `eta`, `expires`, `root_id`,
    `parent_id`, `chord`, `headers`, …), `callbacks`, `errbacks` and `chain` (signatures that travel with it),
    `correlation_id`, `timelimit` (``[hard, soft]``), `time_limit`, `soft_time_limit`, `replaced_task_nesting` and
    `delivery_info`. Outside a worker they are None and `called_directly` is True. Made for every run, so it copies
    nothing: what comes from the message is looked up when it is asked for.
    """

    message: Message | None = None
    args: Sequence[Any] = ()
    kwargs: dict[str, Any] = {}
    embed: dict[str, Any] = {}
    delivery: Delivery | None = None
    hostname: str | None = None
    called_directly: bool = False
    is_eager: bool = False
    children: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        # Comes here only for what is not set: what the message, the body's third part and the delivery tell.
        message = self.message
        if name in ("callbacks", "errbacks", "chain"):
            return self.embed.get(name)
        if name == "retries" and message is None:
            return 0
        if name in Message.__struct_fields__ or name in _DERIVED:
            return None if message is None else _DERIVED.get(name, lambda _: getattr(message, name))(self)
        if message is not None and name in message.headers:
            return message.headers[name]
        raise AttributeError(f"a task's request has no {name!r}")

    def get(self, name: str, default: Any = None) -> Any:
        """The attribute, or `default`."""
        return getattr(self, name, default)

    def __repr__(self) -> str:
        return f"<Context: {self.get('task')}[{self.id}] args={self.args!r} kwargs={self.kwargs!r}>"


def _iso(instant: float | None) -> str | None:
    return None if instant is None else datetime.datetime.fromtimestamp(instant, datetime.UTC).isoformat()


def _delivery_info(request: Context) -> dict[str, Any]:
    about = {name: getattr(request, name) for name in ("exchange", "routing_key", "queue", "priority")}
    redelivered = request.delivery is not None and request.delivery.redelivered
    return {**about, "routing_key": request.routing_key or request.queue, "redelivered": redelivered}


_DERIVED: dict[str, Any] = {
    "correlation_id": lambda request: request.message.id,
    "timelimit": lambda request: list(request.message.timelimit or (None, None)),
    "time_limit": lambda request: (request.message.timelimit or (None, None))[0],
    "soft_time_limit": lambda request: (request.message.timelimit or (None, None))[1],
    "replaced_task_nesting": lambda request: request.message.replaced,
    "delivery_info": _delivery_info,
    "root_id": lambda request: request.message.root_id or request.message.id,
    "eta": lambda request: _iso(request.message.eta),
    "expires": lambda request: _iso(request.message.expires),
    "argsrepr": lambda request: request.message.argsrepr or safe_text(tuple(request.args), repr),
    "kwargsrepr": lambda request: request.message.kwargsrepr or safe_text(request.kwargs, repr),
    "taskset": lambda request: request.message.group,
    "lang": lambda request: "py",
    "utc": lambda request: True,
    **dict.fromkeys(("loglevel", "logfile"), lambda request: None),
}


class Frame(msgspec.Struct, frozen=True, eq=False):
    """One entry of the stack of running tasks in this thread or coroutine."""

    task: Task[..., Any]
    request: Context
    parent: Frame | None


frames: ContextVar[Frame | None] = ContextVar("kernelq_frames", default=None)
"""The innermost running task of this thread or coroutine."""


def running() -> Context | None:
    """The request of the innermost running task, or None outside one."""
    frame = frames.get()
    return frame.request if frame is not None else None


class Ending(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """How an attempt ended; what the hook `advance` is given.

    `outcome` is what will be stored (None: nothing). `value` is the returned value or the exception. `task` and
    `request` are None when the message never came to run or its task is unknown.
    """

    message: Message
    delivery: Delivery
    verdict: Verdict
    state: str
    value: Any = None
    outcome: Outcome | None = None
    task: Task[..., Any] | None = None
    request: Context | None = None
