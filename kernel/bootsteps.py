"""Bootsteps: the parts of a worker, started in the order of what they require, stopped in reverse.

A step says what it `requires` and what it `provides`; nobody writes the order down. A requirement is

    a key         its provider runs first; the step reads the value as ``parent.blueprint[BROKER]``
    a step class  that step runs first, and is added if nobody added it
    a name        likewise, but never added; of ``"proj.steps:Pool"`` only the last part counts

A step whose `include` says no is left out: who requires its key cannot run, others run without it. `blueprint` runs them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from kernelq.pools import Pool

    from .broker import Broker
    from .store import Backend

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Key(Generic[T]):
    """Names one thing of type `T` that a step provides; keys of one name are equal."""

    name: str


BROKER: Key[Broker] = Key("broker")
BACKEND: Key[Backend] = Key("backend")
POOL: Key[Pool] = Key("pool")

Requirement: TypeAlias = "Key[Any] | type[Step] | str"


class Step:
    """One part of a worker, to be subclassed; called on the thread that drives its blueprint."""

    name: ClassVar[str] = "Step"
    """Unique in a blueprint; by default the name of the class."""
    label: ClassVar[str | None] = None
    """Drawn by ``kernelq graph`` instead of the name."""
    requires: ClassVar[Iterable[Requirement]] = ()
    provides: ClassVar[Key[Any] | None] = None
    reconnects: ClassVar[bool] = False
    """It gets over the loss of what it requires by itself: a restart leaves it, and what hangs on it, alone."""
    enabled: bool = True
    obj: Any = None
    """What `create` returned."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.name = vars(cls).get("name") or cls.__name__

    def __init__(self, parent: Any, **options: Any) -> None:
        """Made before any step starts; `options` are those given to `Blueprint.start`."""

    def include_if(self, parent: Any) -> bool:
        """Whether this step takes part: `enabled`, unless overridden."""
        return self.enabled

    def include(self, parent: Any) -> bool:
        """Whether this step takes part; if it does, `create` was called."""
        included = self.include_if(parent)
        if included:
            self.obj = self.create(parent)
        return included

    def create(self, parent: Any) -> Any:
        """Make what the step needs; no step has started yet."""

    def start(self, parent: Any) -> Any:
        """Begin; return the value this step `provides`. May be called again after `stop`."""

    def stop(self, parent: Any) -> None:
        """End; what this step requires is still running."""

    def terminate(self, parent: Any) -> None:
        """End at once; by default `stop`."""
        self.stop(parent)


class StartStopStep(Step):
    """A step around the object `create` returns, which has `start`, `stop` and perhaps `terminate`."""

    def start(self, parent: Any) -> Any:
        if self.obj is not None:
            self.obj.start()
        return self.obj

    def stop(self, parent: Any) -> None:
        if self.obj is not None:
            self.obj.stop()

    def terminate(self, parent: Any) -> None:
        getattr(self.obj, "terminate", lambda: self.stop(parent))()


class ConsumerStep(StartStopStep):
    """A step that lives with the broker: it starts after it and restarts with it."""

    requires = (BROKER,)
