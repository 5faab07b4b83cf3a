"""The plugin manager: which plugins there are, which are on, and calling their hooks.

Plugins come from entry points (group ``kernelq.plugins``), from `--plugin` and the setting `plugins` (module names),
and from `app.register_plugin`. All pass through one door: a name is taken once, every hook and argument must exist,
and a plugin that raises while being told something stops nobody else.
"""

from __future__ import annotations

import inspect
import logging
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from operator import itemgetter
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

import pluggy

from . import hooks
from .errors import PluginConflict, PluginError, nearest
from .installed import entry_points
from .message import Message

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from .app import KernelQ
    from .context import Context, Ending
    from .store import Effect
    from .task import Task

GROUP = "kernelq.plugins"

log = logging.getLogger("kernelq.plugins")

Listener: TypeAlias = tuple[str, Callable[..., Any], Callable[[dict[str, Any]], tuple[Any, ...]]]
"""(plugin name, function, what picks its arguments out of all by name)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """What is known of a plugin; `state` is ``on``, ``disabled``, or ``skipped: `` and why."""

    name: str
    module: str
    state: str = "on"
    hooks: tuple[str, ...] = ()
    doc: str = ""


@cache
def discover() -> dict[str, EntryPoint]:
    """Entry points of plugins by name.

    Raises:
        PluginConflict: two distributions offer one name (pluggy itself would silently take the last).
    """
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise PluginConflict(
                f"plugin {point.name!r} is offered as {other.value} and as {point.value}; uninstall one of the two"
            )
    return found


class _Manager(pluggy.PluginManager):
    def parse_hookimpl_opts(self, plugin: object, name: str) -> Any:
        # As pluggy's own, which guards against properties, in five times the time; a module has none.
        if not isinstance(plugin, ModuleType):
            return super().parse_hookimpl_opts(plugin, name)
        value = vars(plugin).get(name)
        return getattr(value, f"{hooks.PROJECT}_impl", None) if isinstance(value, FunctionType) else None


class Registry:
    """The plugins of one app."""

    def __init__(self) -> None:
        self._manager = _Manager(hooks.PROJECT)
        self._manager.add_hookspecs(hooks)
        self._infos: dict[str, PluginInfo] = {}
        self._listeners: dict[str, list[Listener]] = {}
        self.ears: frozenset[str] = frozenset()
        """The hooks that somebody implements: a quick look before `notify` on the way of every task."""
        self.generation = 0
        """Grows with each plugin that comes or goes; whoever keeps what `heard` gave compares it."""
        self.failures: dict[str, int] = {}
        """Plugin name → how often it raised while being told something."""
        if "hooks" in os.environ.get("KERNELQ_TRACE", "").split(","):
            self._manager.trace.root.setwriter(print)
            self._manager.enable_tracing()

    @property
    def hook(self) -> Any:
        """Pluggy's callers by hook name; for collect, decide and wrap. Results are annotated where called."""
        return self._manager.hook

    def load(self, modules: Collection[str] = (), disabled: Collection[str] = ()) -> None:
        """Register the installed plugins that are not disabled, then `modules` by dotted name; those known stay.

        A plugin that cannot be imported for want of a library is skipped until it is asked for.

        Raises:
            PluginError: a named module cannot be imported, or a plugin misspells a hook.
        """
        known = discover()
        for name in disabled:
            if name not in known and name not in modules:
                raise PluginError(
                    f"no plugin {name!r} to disable (installed: {', '.join(known)}){nearest(name, known)}"
                )
        for name, point in known.items():
            if self.has(name):
                continue
            if name in disabled:
                self._infos[name] = PluginInfo(name=name, module=point.module, state="disabled")
                continue
            try:
                plugin = point.load()
            except ImportError as error:
                self._infos[name] = PluginInfo(name=name, module=point.module, state=f"skipped: {error}")
                continue
            self.register(plugin, name)
        for module in modules:
            if module not in disabled and not self.has(module):
                self.register(import_plugin(module), module)

    def register(self, plugin: object, name: str | None = None) -> str:
        """Register a module or object with hookimpls; return the name it goes by.

        Raises:
            PluginConflict: the name is taken, or the plugin is registered already.
            PluginError: it implements a hook or takes an argument that does not exist; names the nearest.
        """
        module = getattr(plugin, "__name__", type(plugin).__module__)
        name = name or (module if inspect.ismodule(plugin) else type(plugin).__qualname__)
        if self.has(name) or self._manager.is_registered(plugin):
            raise PluginConflict(f"plugin {name!r} is registered already")
        implemented = self._checked(plugin, name)
        self._manager.register(plugin, name)
        self._infos[name] = PluginInfo(name=name, module=module, hooks=implemented, doc=plugin.__doc__ or "")
        self._changed()
        return name

    def unregister(self, name: str) -> None:
        """Take a plugin out again; an unknown name is an error."""
        if not self.has(name):
            raise PluginError(f"no plugin {name!r} is registered{nearest(name, self._infos)}")
        self._manager.unregister(name=name)
        del self._infos[name]
        self._changed()

    def _changed(self) -> None:
        self.generation += 1
        self.ears = frozenset(hook for info in self._infos.values() for hook in info.hooks)
        self._listeners = {}  # a new one: a thread in `heard` may be filling the old

    def has(self, name: str) -> bool:
        """Whether a plugin of this name is registered."""
        return self._manager.has_plugin(name)

    def infos(self) -> list[PluginInfo]:
        """Every plugin known here, disabled and skipped ones included, by name."""
        return sorted(self._infos.values(), key=lambda info: info.name)

    def heard(self, name: str) -> list[Listener]:
        """Who implements a hook; empty when nobody does, so that callers can leave out what only they need."""
        known = self._listeners
        try:
            return known[name]
        except KeyError:
            impls = reversed(getattr(self._manager.hook, name).get_hookimpls())
            found = [(impl.plugin_name, impl.function, _picker(impl.argnames)) for impl in impls]
            return known.setdefault(name, found)

    def notify(self, name: str, /, **arguments: Any) -> None:
        """Tell everybody who implements a notify hook; log who fails and go on with the next.

        Not through pluggy's own caller: there the first exception keeps the others from running.
        """
        for plugin, function, pick in self.heard(name):
            try:
                function(*pick(arguments))
            except Exception:  # one plugin's error must not reach the others, nor the task
                self.failures[plugin] = self.failures.get(plugin, 0) + 1
                log.exception("plugin %r failed in %s", plugin, name)

    def before_publish(self, app: KernelQ, message: Message, retry_policy: dict[str, Any]) -> Message:
        """The message as the plugins want it published (hook `before_task_publish`), each given the last one's answer."""
        for _, function, pick in self.heard("before_task_publish"):
            message = function(*pick({"app": app, "message": message, "retry_policy": retry_policy})) or message
        return message

    def prepared(self, app: KernelQ, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """Messages that are published together with the end of an attempt, as the plugins want them."""
        if messages and "before_task_publish" in self.ears:
            return tuple(self.before_publish(app, message, {}) for message in messages)
        return messages

    def published(self, app: KernelQ, messages: Iterable[Message]) -> None:
        """Tell of messages that the broker has accepted."""
        if "after_task_publish" in self.ears:
            for message in messages:
                self.notify("after_task_publish", app=app, message=message)

    def call_task(self, *, app: KernelQ, task: Task[..., Any], request: Context) -> Any:
        """Call the task's function inside whatever wraps it (hook `call_task`)."""

        def call(task: Task[..., Any], request: Context) -> Any:
            return task(*request.args, **request.kwargs)

        return self._manager.hook.call_task.call_extra([call], {"app": app, "task": task, "request": request})

    def advance(self, app: KernelQ, ending: Ending) -> tuple[tuple[Message, ...], tuple[Effect, ...]]:
        """What follows from an ending (hook `advance`): (messages, effects), in the order of the plugins."""
        messages: tuple[Message, ...] = ()
        effects: tuple[Effect, ...] = ()
        about = {"app": app, "ending": ending}
        for _, function, pick in self.heard("advance"):
            answer: Iterable[Message | Effect] | None = function(*pick(about))
            if answer:
                items = tuple(answer)
                messages += tuple(item for item in items if isinstance(item, Message))
                effects += tuple(item for item in items if not isinstance(item, Message))
        return messages, effects

    def _checked(self, plugin: object, plugin_name: str) -> tuple[str, ...]:
        """The hooks a plugin implements; refuses unknown ones, which pluggy would register silently."""
        options = {name: self._manager.parse_hookimpl_opts(plugin, name) for name in dir(plugin)}
        implemented = {name: found.get("specname") or name for name, found in options.items() if found is not None}
        for name, hook in implemented.items():
            if hook not in HOOKS:
                raise PluginError(f"plugin {plugin_name!r} implements the unknown hook {hook!r}{nearest(hook, HOOKS)}")
            for argument in inspect.signature(getattr(plugin, name)).parameters:
                if argument not in HOOKS[hook] and argument != "self":
                    raise PluginError(
                        f"plugin {plugin_name!r}: hook {hook!r} has no argument {argument!r} (it has: "
                        f"{', '.join(HOOKS[hook]) or 'none'}){nearest(argument, HOOKS[hook])}"
                    )
        return tuple(implemented.values())


def _picker(names: Sequence[str]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    # `itemgetter` picks without a step of the interpreter, but hands a single thing out bare.
    return itemgetter(*names) if len(names) > 1 else lambda arguments: tuple(arguments[name] for name in names)


HOOKS: dict[str, tuple[str, ...]] = {
    name: tuple(inspect.signature(spec).parameters)
    for name, spec in vars(hooks).items()
    if hasattr(spec, "kernelq_spec")
}
"""Every hook → its arguments."""


def import_plugin(module: str) -> object:
    """The module named by `--plugin` or the setting `plugins`; raises `PluginError` when it cannot be imported."""
    try:
        return import_module(module)
    except ImportError as error:
        raise PluginError(
            f"cannot import the plugin {module!r}: {error}; is it on the path, and spelt right?"
        ) from error
