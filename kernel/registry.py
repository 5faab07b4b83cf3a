"""The plugin manager: which plugins there are, which are on, and calling their hooks.

Plugins come from entry points (group ``kernelq.plugins``), from `--plugin` and the setting `plugins`
(module names), and from `app.register_plugin`. All pass through one door: a name is taken once, every
hook and argument must exist, and a plugin that raises while being told something stops nobody else.
"""

from __future__ import annotations

import difflib
import inspect
import logging
import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points, version
from typing import TYPE_CHECKING, Any

import pluggy

from . import hooks
from .errors import PluginConflict, PluginError
from .message import Message

if TYPE_CHECKING:
    from .app import KernelQ
    from .context import Context, Ending
    from .store import Effect
    from .task import Task

GROUP = "kernelq.plugins"
TRACE = "KERNELQ_TRACE"
"""Set to ``hooks`` to print every hook call with its answers."""

log = logging.getLogger("kernelq.plugins")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """What is known of a plugin; `state` is ``on``, ``disabled`` or ``skipped`` with the reason."""

    name: str
    module: str
    version: str
    state: str
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


class Registry:
    """The plugins of one app."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(hooks.PROJECT)
        self._manager.add_hookspecs(hooks)
        self._infos: dict[str, PluginInfo] = {}
        self._listeners: dict[str, list[tuple[str, Callable[..., Any], tuple[str, ...]]]] = {}
        self.failures: dict[str, int] = {}
        """Plugin name → how often it raised while being told something."""
        if "hooks" in os.environ.get(TRACE, "").split(","):
            self._trace()

    @property
    def hook(self) -> Any:
        """Pluggy's callers by hook name; for collect, decide and wrap. Results are annotated where called."""
        return self._manager.hook

    def load(self, modules: Collection[str] = (), disabled: Collection[str] = ()) -> None:
        """Register the installed plugins that are not disabled, then `modules` by dotted name.

        A plugin that cannot be imported for want of a library is skipped until it is asked for.

        Raises:
            PluginError: a named module cannot be imported, or a plugin misspells a hook.
        """
        known = discover()
        for name in disabled:
            if name not in known and name not in modules:
                raise PluginError(
                    f"no plugin {name!r} to disable (installed: {', '.join(known)}){_nearest(name, known)}"
                )
        for name, point in known.items():
            if name in disabled:
                self._infos[name] = _info(name, point.module, _version(point), "disabled")
            else:
                self._load_point(name, point)
        for module in modules:
            if module not in disabled and not self._manager.has_plugin(module):
                self.register(_import(module), module)

    def register(self, plugin: object, name: str | None = None) -> str:
        """Register a module or object with hookimpls; return the name it goes by.

        Raises:
            PluginConflict: the name is taken, or the plugin is registered already.
            PluginError: it implements a hook or takes an argument that does not exist; names the nearest.
        """
        name = name or getattr(plugin, "__name__", None) or type(plugin).__qualname__
        if self._manager.has_plugin(name) or self._manager.is_registered(plugin):
            raise PluginConflict(f"plugin {name!r} is registered already")
        _check(plugin, name, self._manager)
        try:
            self._manager.register(plugin, name)
        except pluggy.PluginValidationError as error:
            raise PluginError(f"plugin {name!r}: {error}") from error
        self._listeners.clear()
        self._infos[name] = _info(
            name,
            getattr(plugin, "__name__", type(plugin).__module__),
            "",
            "on",
            tuple(_hooks_of(plugin, self._manager)),
            plugin,
        )
        return name

    def unregister(self, name: str) -> None:
        """Take a plugin out again; an unknown name is an error."""
        if not self._manager.has_plugin(name):
            raise PluginError(f"no plugin {name!r} is registered{_nearest(name, self._infos)}")
        self._manager.unregister(name=name)
        self._listeners.clear()
        self._infos.pop(name, None)

    def has(self, name: str) -> bool:
        """Whether a plugin of this name is registered."""
        return self._manager.has_plugin(name)

    def infos(self) -> list[PluginInfo]:
        """Every plugin known here, disabled and skipped ones included, by name."""
        return sorted(self._infos.values(), key=lambda info: info.name)

    def heard(self, name: str) -> list[tuple[str, Callable[..., Any], tuple[str, ...]]]:
        """Who listens to a notify hook: (plugin name, function, argument names). Empty when nobody does."""
        try:
            return self._listeners[name]
        except KeyError:
            caller: pluggy.HookCaller = getattr(self._manager.hook, name)
            listeners = [
                (impl.plugin_name, impl.function, tuple(impl.argnames)) for impl in reversed(caller.get_hookimpls())
            ]
            return self._listeners.setdefault(name, listeners)

    def notify(self, name: str, /, **arguments: Any) -> None:
        """Tell everybody who implements a notify hook; log who fails and go on with the next.

        Not through pluggy's own caller: there the first exception keeps the others from running.
        """
        for plugin, function, names in self.heard(name):
            try:
                function(*[arguments[argument] for argument in names])
            except Exception:
                self.failures[plugin] = self.failures.get(plugin, 0) + 1
                log.exception("plugin %r failed in %s", plugin, name)

    def call_task(self, *, app: KernelQ, task: Task[..., Any], request: Context) -> Any:
        """Call the task's function inside whatever wraps it (hook `call_task`)."""

        def call(task: Task[..., Any], request: Context) -> Any:
            return task(*request.args, **request.kwargs)

        caller: pluggy.HookCaller = self._manager.hook.call_task
        return caller.call_extra([call], {"app": app, "task": task, "request": request})

    def advance(self, app: KernelQ, ending: Ending) -> tuple[tuple[Message, ...], tuple[Effect, ...]]:
        """What follows from an ending (hook `advance`): (messages, effects), in the order of the plugins."""
        answers: list[Iterable[Message | Effect] | None] = self._manager.hook.advance(app=app, ending=ending)
        flat = [item for answer in answers for item in answer or ()]
        messages = tuple(item for item in flat if isinstance(item, Message))
        return messages, tuple(item for item in flat if not isinstance(item, Message))

    def _load_point(self, name: str, point: EntryPoint) -> None:
        try:
            plugin = point.load()
        except ImportError as error:
            self._infos[name] = _info(name, point.module, _version(point), f"skipped: {error}")
            log.debug("plugin %r skipped: %s", name, error)
            return
        self.register(plugin, name)
        self._infos[name] = _info(
            name, point.module, _version(point), "on", tuple(_hooks_of(plugin, self._manager)), plugin
        )

    def _trace(self) -> None:
        def before(hook: str, impls: list[Any], arguments: Any) -> None:
            print(f"kernelq hook {hook} -> {[impl.plugin_name for impl in impls]}")

        def after(outcome: Any, hook: str, impls: list[Any], arguments: Any) -> None:
            print(f"kernelq hook {hook} <- {outcome.get_result()!r}")

        self._manager.add_hookcall_monitoring(before, after)


def _hooks_of(plugin: object, manager: pluggy.PluginManager) -> list[str]:
    return [name for name in dir(plugin) if manager.parse_hookimpl_opts(plugin, name) is not None]


def _check(plugin: object, plugin_name: str, manager: pluggy.PluginManager) -> None:
    """Refuse misspelt hooks and arguments; pluggy registers an unknown hook silently."""
    specs = {name for name, value in vars(hooks).items() if getattr(value, "kernelq_spec", None) is not None}
    for name in _hooks_of(plugin, manager):
        options = manager.parse_hookimpl_opts(plugin, name) or {}
        hook = options.get("specname") or name
        if hook not in specs:
            if options.get("optionalhook"):
                continue
            raise PluginError(f"plugin {plugin_name!r} implements the unknown hook {hook!r}{_nearest(hook, specs)}")
        allowed = set(inspect.signature(getattr(hooks, hook)).parameters)
        given = [argument for argument in inspect.signature(getattr(plugin, name)).parameters if argument != "self"]
        for argument in given:
            if argument not in allowed:
                raise PluginError(
                    f"plugin {plugin_name!r}: hook {hook!r} has no argument {argument!r} "
                    f"(it has: {', '.join(sorted(allowed)) or 'none'}){_nearest(argument, allowed)}"
                )


def _nearest(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _import(module: str) -> object:
    try:
        return import_module(module)
    except ImportError as error:
        raise PluginError(
            f"cannot import the plugin {module!r}: {error}; is it on the path, and spelt right?"
        ) from error


def _info(
    name: str, module: str, version: str, state: str, hooks: tuple[str, ...] = (), plugin: object = None
) -> PluginInfo:
    doc = (inspect.getdoc(plugin) or "").strip() if plugin is not None else ""
    return PluginInfo(name=name, module=module, version=version, state=state, hooks=hooks, doc=doc)


def _version(point: EntryPoint) -> str:
    return point.dist.version if point.dist is not None else version("kernelq")
