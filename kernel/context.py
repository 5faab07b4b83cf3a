"""The request: what a running task knows of its own run (`self.request`), and how a run ended."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .broker import Delivery, Verdict
from .message import Message
from .outcome import Outcome

if TYPE_CHECKING:
    from .task import Task


class Context:
    """One run of a task. Reads like Celery's request; unknown names are None by `get` only.

    Made for every run, so it copies nothing: what comes from the message is looked up when asked for.
    """

    __slots__ = (
        "__dict__",
        "_embed",
        "args",
        "called_directly",
        "children",
        "delivery",
        "hostname",
        "is_eager",
        "kwargs",
        "message",
    )

    def __init__(
        self,
        message: Message | None = None,
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
        embed: dict[str, Any] | None = None,
        *,
        delivery: Delivery | None = None,
        hostname: str | None = None,
        called_directly: bool = False,
        is_eager: bool = False,
    ) -> None:
        self.message = message
        self.args = args
        self.kwargs = kwargs if kwargs is not None else {}
        self._embed = embed or {}
        self.delivery = delivery
        self.hostname = hostname
        self.called_directly = called_directly
        self.is_eager = is_eager
        self.children: list[Any] = []

    @property
    def id(self) -> Any:
        """The task id; None when called directly."""
        return self.message.id if self.message is not None else None

    @property
    def correlation_id(self) -> Any:
        """The task id."""
        return self.id

    @property
    def retries(self) -> int:
        """How often this task was retried before this run."""
        return self.message.retries if self.message is not None else 0

    @property
    def timelimit(self) -> list[float | None]:
        """``[hard, soft]`` as given at the call."""
        return list((self.message and self.message.timelimit) or (None, None))

    @property
    def time_limit(self) -> float | None:
        """The hard limit given at the call."""
        return self.timelimit[0]

    @property
    def soft_time_limit(self) -> float | None:
        """The soft limit given at the call."""
        return self.timelimit[1]

    @property
    def replaced_task_nesting(self) -> int:
        """How often this task was replaced."""
        return self.message.replaced if self.message is not None else 0

    @property
    def delivery_info(self) -> dict[str, Any]:
        """exchange, routing_key, priority, redelivered; and queue."""
        if self.message is None:
            return {}
        return {
            "exchange": self.message.exchange,
            "routing_key": self.message.routing_key or self.message.queue,
            "queue": self.message.queue,
            "priority": self.message.priority,
            "redelivered": self.delivery.redelivered if self.delivery is not None else False,
        }

    @property
    def callbacks(self) -> list[Any] | None:
        """Signatures to call on success."""
        return self._embed.get("callbacks")

    @property
    def errbacks(self) -> list[Any] | None:
        """Signatures to call on failure."""
        return self._embed.get("errbacks")

    @property
    def chain(self) -> list[Any] | None:
        """What remains of the chain, last step first."""
        return self._embed.get("chain")

    @property
    def chord(self) -> Any:
        """The body of the chord this task is a member of."""
        return self._embed.get("chord")

    @property
    def embed(self) -> dict[str, Any]:
        """callbacks, errbacks, chain and chord as they travelled."""
        return self._embed

    def __getattr__(self, name: str) -> Any:
        # Only what is not found otherwise comes here: the message's own fields, under their names.
        if name in Message.__struct_fields__:
            return getattr(self.message, name) if self.message is not None else None
        raise AttributeError(f"a task's request has no {name!r}")

    def get(self, name: str, default: Any = None) -> Any:
        """The attribute, or `default`."""
        return getattr(self, name, default)

    def update(self, *mappings: dict[str, Any], **values: Any) -> None:
        """Set attributes."""
        for mapping in (*mappings, values):
            for name, value in mapping.items():
                setattr(self, name, value)

    def __repr__(self) -> str:
        return f"<Context: {self.get('task')}[{self.id}] args={self.args!r} kwargs={self.kwargs!r}>"


class Frame:
    """One entry of the stack of running tasks in this thread or coroutine."""

    __slots__ = ("parent", "request", "task")

    def __init__(self, task: Task[..., Any], request: Context, parent: Frame | None) -> None:
        self.task = task
        self.request = request
        self.parent = parent


frames: ContextVar[Frame | None] = ContextVar("kernelq_frames", default=None)
"""The innermost running task of this thread or coroutine."""


def running() -> Context | None:
    """The request of the innermost running task, or None outside one."""
    frame = frames.get()
    return frame.request if frame is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
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
