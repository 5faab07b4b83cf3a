"""Bootsteps: the parts of a worker, started in the order of what they require, stopped in reverse.

A step says what it `requires` and what it `provides`; nobody writes the order down. A requirement is

    a key         its provider runs first; the step reads the value as ``parent.blueprint[BROKER]``
    a step class  that step runs first, and is added if nobody added it
    a name        likewise, but never added; of ``"proj.steps:Pool"`` only the last part counts

A step whose `include` says no is left out: who requires its key cannot run, others run without it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar, cast

from .errors import ImproperlyConfigured, StepFailed

if TYPE_CHECKING:
    from kernelq.pools import Pool

    from .broker import Broker
    from .store import Backend

T = TypeVar("T")

log = logging.getLogger(__name__)


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


class Blueprint:
    """Steps in order, to be started for a parent (the worker), restarted in part, and stopped for good.

    One thread at a time starts and restarts. `stop` may come from any other thread, also in the midst of either: the
    step under way is finished, no other begins, and all are stopped.
    """

    def __init__(self, name: str, steps: Iterable[type[Step]]) -> None:
        """Sort `steps`.

        Raises:
            ImproperlyConfigured: a requirement nobody meets, a circle, two steps of one name or one key.
        """
        self.name = name
        self.order: Sequence[type[Step]] = _with_required(steps)
        self._refuse_doubles()
        self.needs = {step: [self._find(one, step.name) for one in step.requires] for step in self.order}
        from graphlib import CycleError, TopologicalSorter  # only who runs steps needs it

        try:
            self.order = tuple(TopologicalSorter(self.needs).static_order())
        except CycleError as error:
            circle = " → ".join(step.name for step in reversed(error.args[1]))
            raise ImproperlyConfigured(f"the bootsteps of {name!r} require one another: {circle}") from error
        self.steps: list[Step] = []
        """Those that take part, in order; made by `start`."""
        self._started: set[Step] = set()
        self._values: dict[Key[Any], Any] = {}
        self._turn = threading.RLock()  # held while steps start or stop
        self._stop_asked = self._is_urgent = False

    def __getitem__(self, key: Key[T]) -> T:
        """The value its provider gave; `KeyError` when that is not started."""
        return cast(T, self._values[key])

    def start(self, parent: Any, **options: Any) -> bool:
        """Make every step, then start those that take part; False when `stop` came in and none runs any more.

        Raises:
            StepFailed: one could not be made or started; those before it were stopped, in reverse.
            ImproperlyConfigured: one requires the key of one that was left out.
        """
        with self._turn:
            self.steps = self._made(parent, options)
            self._start(self.steps, parent)
        return not self._stop_asked

    def restart(self, requirement: Requirement, parent: Any) -> bool:
        """Stop, in reverse, the provider and all that require it through whatever others; start them anew.

        Raises:
            StepFailed: one could not start; of those restarted none runs, the others still do. Call
                it again to try again.
        """
        affected = {self._find(requirement, "restart")}
        for kind in self.order:
            if not kind.reconnects and not affected.isdisjoint(self.needs[kind]):
                affected.add(kind)
        steps = [step for step in self.steps if type(step) in affected]
        while not self._turn.acquire(timeout=0.1):
            if self._stop_asked:
                return False  # whoever stops may be waiting for this very thread
        try:
            self._stop(steps, parent)
            self._start(steps, parent)
        finally:
            self._turn.release()
        return not self._stop_asked

    def stop(self, parent: Any, *, terminate: bool = False) -> None:
        """Stop every started step, in reverse; `terminate` ends at once those that are still to be stopped.

        A step that cannot stop is logged, the others still stop.
        """
        self._is_urgent = self._is_urgent or terminate
        self._stop_asked = True
        with self._turn:
            self._stop(self.steps, parent)

    def _made(self, parent: Any, options: dict[str, Any]) -> list[Step]:
        steps = []
        for kind in self.order:
            with _failing(kind, "be made"):
                step = kind(parent, **options)
                if step.include(parent):
                    steps.append(step)
        provided = {step.provides for step in steps}
        for step in steps:
            for key in step.requires:
                if isinstance(key, Key) and key not in provided:
                    left_out = self._find(key, step.name).name
                    raise ImproperlyConfigured(f"{step.name} requires the key {key.name!r}, but {left_out} is left out")
        return steps

    def _start(self, steps: Sequence[Step], parent: Any) -> None:
        try:
            for step in steps:
                if self._stop_asked:
                    return
                log.debug("starting bootstep %s", step.name)
                with _failing(step, "start"):
                    value = step.start(parent)
                self._started.add(step)
                if step.provides is not None:
                    self._values[step.provides] = value
        except BaseException:  # KeyboardInterrupt too: nothing that was started is left behind
            self._stop(steps, parent)
            raise

    def _stop(self, steps: Sequence[Step], parent: Any) -> None:
        for step in reversed(steps):
            if step in self._started:
                self._started.discard(step)
                try:
                    (step.terminate if self._is_urgent else step.stop)(parent)
                except Exception:  # the steps before it must still be stopped
                    log.exception("bootstep %s could not stop", step.name)
                if step.provides is not None:
                    del self._values[step.provides]

    def _find(self, requirement: Requirement, by: str) -> type[Step]:
        for kind in self.order:
            if _meets(kind, requirement):
                return kind
        if isinstance(requirement, Key):
            what, known = f"the key {requirement.name!r}", [step.provides.name for step in self.order if step.provides]
        else:
            what, known = f"the bootstep {requirement!r}", [step.name for step in self.order]
        raise ImproperlyConfigured(
            f"{by} requires {what}, which {self.name!r} lacks (known: {', '.join(sorted(known)) or 'none'})"
        )

    def _refuse_doubles(self) -> None:
        claims = [(claim, step) for step in self.order for claim in (step.name, step.provides) if claim is not None]
        first = dict(reversed(claims))
        for claim, step in claims:
            if first[claim] is not step:
                what = f"provide the key {claim.name!r}" if isinstance(claim, Key) else f"are called {claim!r}"
                raise ImproperlyConfigured(f"two bootsteps of {self.name!r}, {first[claim]} and {step}, {what}")


@contextmanager
def _failing(step: Step | type[Step], what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise StepFailed(step.name, f"bootstep {step.name!r} could not {what}: {str(error) or repr(error)}") from error


def _with_required(steps: Iterable[type[Step]]) -> list[type[Step]]:
    found = list(dict.fromkeys(steps))
    for step in found:  # grows on the way
        found += [one for one in step.requires if isinstance(one, type) and one not in found]
    return found


def _meets(step: type[Step], requirement: Requirement) -> bool:
    if isinstance(requirement, str):
        return requirement.replace(":", ".").rpartition(".")[2] in (step.name, step.__name__)
    return requirement == step.provides if isinstance(requirement, Key) else requirement is step
