"""The reference pages, made of the code each time the docs are built: API, hooks, settings, commands, plugins, engines.

A hook file of MkDocs: `on_files` adds the pages to those written by hand. Nothing is written to the disk.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import kernelq
from kernelq import KernelQ, Option
from kernelq import hooks as hookspecs
from kernelq.config import Config
from kernelq.contracts import Backend, Capabilities
from kernelq.errors import DriverNotFound
from kernelq.settings import KERNEL_SETTINGS
from kernelq.testing import (
    BackendFaultSuite,
    BackendSuite,
    BrokerFaultSuite,
    BrokerSuite,
    Column,
    WorkflowStoreSuite,
    behaviours,
    engines_table,
)
from kernelq_plugins.commands.command_line import merged
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

API = {
    "App": ("KernelQ", "Config", "Option", "shared_task", "current_app"),
    "Tasks": ("Task", "Context", "current_task", "get_task_logger", "Ignore", "Reject", "Retry", "SoftTimeLimitExceeded"),
    "Results": (
        "AsyncResult", "ResultSet", "GroupResult", "EagerResult", "result_from_tuple", "allow_join_result", "denied_join_result",
        "Backend",
    ),
    "Workflows": (
        "Signature", "signature", "subtask", "maybe_signature", "chain", "group", "chord", "chunks", "xmap", "xstarmap",
        "StampingVisitor",
    ),
    "Routing": ("Queue", "Exchange", "binding", "Broadcast"),
    "Worker": ("Worker", "Blueprint", "Step", "StartStopStep", "ConsumerStep", "expired_counts"),
}  # fmt: skip
"""Section → the names in it, in order; what is public and in none of them is put into a last one."""

ELSEWHERE = {"Config": Config, "Backend": Backend}
"""Classes users meet as attributes, which are not imported from `kernelq` itself, and to which plugins add."""

MODULES = ("contracts", "errors", "hooks")
"""The kernel's public modules."""

OBJECTS = {
    "current_app": "Stands for the app of this thread, else the default one, else the latest made.",
    "current_task": "Stands for the task that runs in this thread or coroutine; false where none does.",
}
"""Public names that are neither class nor function nor module."""

SECTION = re.compile(r"^# --- (?P<title>.+?) -+$", re.MULTILINE)

GROUPS = ("task", "worker", "broker", "result")
"""First words of settings that make a section of their own."""

IDLE = {
    "no effect": (
        "Without effect",
        "Celery's settings that are taken and change nothing; the log says so once when one is set.",
    ),
    "refused": ("Refused", "Celery's settings that are an error when they ask for anything, and what to do instead."),
}
"""Status of a setting that no part reads → (title of its section, what it begins with)."""

ENGINES = {
    "memory": ("memory", "memory://"),
    "sqlite": ("SQLite", "sqlite:///kernelq.sqlite3"),
    "postgresql": ("PostgreSQL", "postgresql://127.0.0.1/kernelq"),
    "mysql": ("MySQL, MariaDB", "mysql://127.0.0.1/kernelq"),
    "redis": ("Redis", "redis://127.0.0.1/0"),
    "rabbitmq": ("RabbitMQ", "amqp://127.0.0.1//"),
}
"""Engine, as its tests are named → its title, and a URL to make its driver for."""

TESTS = Path(__file__).parents[1] / "tests" / "contract"

SUITES: dict[str, tuple[type[object], str]] = {
    "Brokers": (BrokerSuite, "test_{}.py"),
    "Brokers, when something goes wrong": (BrokerFaultSuite, "test_faults_{}.py"),
    "Result backends": (BackendSuite, "test_{}.py"),
    "Result backends, when something goes wrong": (BackendFaultSuite, "test_faults_{}.py"),
    "Workflow stores": (WorkflowStoreSuite, "test_{}.py"),
}
"""Section → the suite whose behaviours it lists, and the test file in which an engine runs it."""

ENGINES_INTRO = """
Every behaviour of the contracts, by its number, and which engine shows it. `yes`: the tests of the repository run it on that
engine, with a real server, and it must pass there. `lacks …`: the driver does not declare the capability that the behaviour needs; a
setting that needs it is refused at the start. `no server`: there is nothing between the driver and its data that could
be cut, stopped or killed. What the drivers declare is asked of them as installed here; which engines are tested, of
`tests/contract/`.

The same suites are there for an engine of your own: [Write a broker in an afternoon](../write_a_broker.md).
""".strip()

GENERATED = "This page is made of the code each time the docs are built."


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Called by MkDocs once it has gathered the pages."""
    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def pages() -> dict[str, str]:
    """Every generated page by its path."""
    with KernelQ("docs", set_as_current=False) as app:
        return {
            "reference/api.md": _api_page(),
            "reference/hooks.md": _hooks_page(app),
            "reference/settings.md": _settings_page(app),
            "reference/commands.md": _commands_page(app),
            "reference/plugins.md": _plugins_page(app),
            "reference/engines.md": _engines_page(),
        }


# --- api


def _api_page() -> str:
    points = {point.name: point for point in entry_points(group="kernelq.api")}
    public = {name: getattr(kernelq, name) for name in (*kernelq.__all__, *points) if name.isidentifier()}
    names = {name: value for name, value in public.items() if not isinstance(value, ModuleType | str)} | ELSEWHERE
    rest = sorted(names.keys() - {name for group in API.values() for name in group})
    parts = [
        "# API",
        GENERATED,
        "All that is imported from `kernelq` or found on its objects. Behind a name, the plugin it lives in. "
        "Options of tasks: [Tasks](../tasks.md#options).",
    ]
    for title, group in {**API, "Others": rest}.items():
        parts.append(f"## {title}")
        parts += [_public(name, names[name], points) for name in group]
    parts.append("## Modules")
    modules = {name: import_module(f"kernelq.{name}") for name in MODULES}
    modules |= {name: value for name, value in public.items() if isinstance(value, ModuleType)}
    parts += [_module(name, modules[name], points.get(name)) for name in sorted(modules)]
    return "\n\n".join(parts) + "\n"


def _public(name: str, value: Any, points: dict[str, EntryPoint]) -> str:
    if name in OBJECTS:
        return f"### {name}\n\n{OBJECTS[name]}{_home(points.get(name))}"
    text = f"### {name}\n\n```python\n{_call(name, value)}\n```\n\n{_first(value)}{_home(points.get(name))}"
    if not isinstance(value, type) or issubclass(value, BaseException):
        return text
    return f"{text}\n\n" + "\n".join(_members(name, value, points))


def _members(owner: str, value: type, points: dict[str, EntryPoint]) -> Iterator[str]:
    """What a class offers by itself or by plugins, as a list; plain attributes without a text of their own are left out."""
    found = {
        name: member
        for part in reversed(value.__mro__)
        if part.__module__.partition(".")[0] in ("kernelq", "kernelq_plugins")
        for name, member in vars(part).items()
        if not name.startswith("_")
    }
    brought = {name.partition(".")[2]: point for name, point in points.items() if name.startswith(f"{owner}.")}
    found |= {name: point.load() for name, point in brought.items()}
    for name, member in sorted(found.items(), key=lambda item: item[0].lower()):
        called = getattr(member, "__func__", member)  # of a class or static method
        if isinstance(called, property) or (callable(called) and not isinstance(called, type)):
            yield f"- `{_call(name, called)}`<br>{_first(called)}{_home(brought.get(name))}"
        elif name in brought:
            yield f"- `{name}: {type(called).__name__}`{_home(brought[name])}"


def _call(name: str, value: Any) -> str:
    """How something is called: ``get(timeout: float | None = None, …) -> R``; of a property its type."""
    if isinstance(value, property):
        # A class whose name is the property's own is imported with a dash before it.
        returned = inspect.signature(value.fget).return_annotation.replace("[_", "[") if value.fget else "Any"
        return f"{name}: {returned}"
    try:
        declared = inspect.signature(value)
    except (TypeError, ValueError):
        return name
    shown = [
        each.replace(annotation=each.empty) if each.annotation == "Any" else each
        for each in declared.parameters.values()
        if each.name not in ("self", "cls")
    ]
    returned = declared.empty if isinstance(value, type) else declared.return_annotation
    text = str(declared.replace(parameters=shown, return_annotation=returned))
    return name + re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)  # annotations are text, which Python shows in quotes


def _first(value: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join(_markdown(inspect.getdoc(value) or "").partition("\n\n")[0].split())


def _home(point: EntryPoint | None) -> str:
    if point is None:
        return ""
    plugin = point.value.partition(":")[0].split(".")[1]
    return f" · [{plugin}](plugins.md#{plugin})"


def _module(name: str, module: ModuleType, point: EntryPoint | None) -> str:
    listed = ", ".join(f"`{each}`" for each in getattr(module, "__all__", ()))
    return f"### kernelq.{name}\n\n{_first(module)}{_home(point)}" + (f"\n\n{listed}" if listed else "")


# --- hooks


def signature(name: str) -> str:
    """A hook as it is declared: ``task_success(app: KernelQ, …) -> None``."""
    declared = inspect.signature(getattr(hookspecs, name))
    arguments = ", ".join(f"{each.name}: {each.annotation}" for each in declared.parameters.values())
    return f"{name}({arguments}) -> {declared.return_annotation}"


def _hooks_page(app: KernelQ) -> str:
    source = inspect.getsource(hookspecs)
    users = _users(app)
    parts = ["# Hooks", GENERATED, _markdown(inspect.getdoc(hookspecs) or "").partition("\n\n")[2]]
    titles = [(found.start(), found["title"].capitalize()) for found in SECTION.finditer(source)]
    for name in _hook_names():
        place = source.index(f"\ndef {name}(")
        while titles and titles[0][0] < place:
            parts.append(f"## {titles.pop(0)[1]}")
        parts.append(_hook(name, users.get(name, [])))
    return "\n\n".join(parts) + "\n"


def _hook_names() -> list[str]:
    return [name for name, value in vars(hookspecs).items() if hasattr(value, "kernelq_spec")]


def _hook(name: str, users: list[str]) -> str:
    kind, _, rest = (inspect.getdoc(getattr(hookspecs, name)) or "").partition(": ")
    text = f"**{kind}** · {_markdown(rest)}"
    by = ", ".join(f"[{user}](plugins.md#{user})" for user in users) or "no plugin that is installed here"
    return f"### {name}\n\n```python\n{signature(name)}\n```\n\n{text}\n\nImplemented by: {by}."


def _users(app: KernelQ) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for info in app.plugins.infos():
        for hook in info.hooks:
            found.setdefault(hook, []).append(info.name)
    return found


# --- settings


def _settings_page(app: KernelQ) -> str:
    owners = _owners(app)
    parts = ["# Settings", GENERATED, "How to set one: [Configuration](../configuration.md)."]
    groups: dict[str, list[Option]] = {group: [] for group in ("app", *GROUPS)}
    idle: dict[str, list[Option]] = {status: [] for status in IDLE}
    for option in sorted(app.options().values(), key=lambda each: each.name):
        first = option.name.partition("_")[0]
        status = getattr(option, "status", None)
        (groups[first if first in GROUPS else "app"] if status is None else idle[status]).append(option)
    for group, options in groups.items():
        rows = [_setting(option, owners.get(option.name, "kernel")) for option in options]
        head = "| setting | type | default | what it does | old name | of |\n|---|---|---|---|---|---|"
        parts.append(f"## {group.capitalize()}\n\n{head}\n" + "\n".join(rows))
    for status, options in idle.items():
        title, intro = IDLE[status]
        rows = [_idle_setting(option) for option in options]
        head = "| setting | Celery's default | why | old name |\n|---|---|---|---|"
        parts.append(f"## {title}\n\n{intro}\n\n{head}\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def _owners(app: KernelQ) -> dict[str, str]:
    """Setting → the plugin that declares it; the kernel's are left out."""
    found: dict[str, str] = {}
    rest = ""
    for plugin, declare, _ in app.plugins.heard("settings"):
        if inspect.isgeneratorfunction(declare):
            rest = plugin  # it stands around the others: what none of them declares is its own
        else:
            found.update({option.name: plugin for option in declare()})
    return dict.fromkeys(app.options().keys() - KERNEL_SETTINGS.keys(), rest) | found


def _setting(option: Option, owner: str) -> str:
    at_least = f", at least {option.minimum:g}" if option.minimum is not None else ""
    kind = {"Seconds": "seconds"}.get(option.type.__name__, option.type.__name__)
    return f"| `{option.name}` | {kind}{at_least} | {_default(option)} | {option.help} | {_old(option)} | {owner} |"


def _idle_setting(option: Option) -> str:
    why = "; ".join(filter(None, (getattr(option, "reason", ""), getattr(option, "way_out", ""))))
    return f"| `{option.name}` | {_default(option)} | {why} | {_old(option)} |"


def _default(option: Option) -> str:
    return "" if option.default is None else f"`{option.default!r}`"


def _old(option: Option) -> str:
    return ", ".join(f"`{name}`" for name in option.old)


# --- commands


def _commands_page(app: KernelQ) -> str:
    offers: list[Iterable[click.Command]] = app.plugins.hook.commands(name=None)
    found: dict[str, click.Command] = {}
    for command in (command for offer in offers for command in offer):
        name = command.name or ""
        found[name] = merged(found[name], command) if name in found else command
    commands = [found[name] for name in sorted(found)]
    intro = "Each also takes `-A`, `--broker`, `--result-backend`, `--plugin` and `--disable-plugin`: see"
    parts = ["# Commands", GENERATED, f"{intro} [Commands](../commands.md)."]
    parts += [text for command in commands for text in _command(command, "kernelq", level=2)]
    return "\n\n".join(parts) + "\n"


def _command(command: click.Command, above: str, *, level: int) -> Iterator[str]:
    path = f"{above} {command.name}"
    with click.Context(command, info_name=path, max_content_width=100) as context:
        yield f"{'#' * level} {path}\n\n```text\n{command.get_help(context)}\n```"
    if isinstance(command, click.Group):
        for child in command.commands.values():
            yield from _command(child, path, level=level + 1)


# --- plugins


def _plugins_page(app: KernelQ) -> str:
    parts = ["# Plugins", GENERATED, "What is installed with KernelQ, each with its own manual."]
    parts += [f"## {info.name}\n\n{_markdown(inspect.cleandoc(info.doc))}" for info in app.plugins.infos()]
    return "\n\n".join(parts) + "\n"


# --- engines


def _engines_page() -> str:
    columns = {name: column for name in ENGINES if (column := _column(name))}
    parts = [
        "# Engines and behaviours",
        GENERATED,
        ENGINES_INTRO,
        f"## What is declared\n\n{_declared(columns.values())}",
    ]
    for title, (suite, tests) in SUITES.items():
        tested = [column for name, column in columns.items() if _is_tested(suite, TESTS / tests.format(name))]
        parts.append(f"## {title}\n\n{engines_table(behaviours(suite), tested)}")
    return "\n\n".join(parts)


def _column(name: str) -> Column | None:
    """What the driver declares when it is made for a URL, which takes no server; None: it is not installed."""
    title, url = ENGINES[name]
    try:
        with KernelQ("docs", broker=url, set_as_current=False) as app:
            capabilities = app.broker.capabilities
    except DriverNotFound:
        return None
    return Column(name=title, capabilities=capabilities, has_server="127.0.0.1" in url)


def _declared(columns: Iterable[Column]) -> str:
    shown = list(columns)
    rows = [
        f"| `{field.name}` | {' | '.join(_declaration(getattr(each.capabilities, field.name)) for each in shown)} |"
        for field in dataclasses.fields(Capabilities)
    ]
    head = f"| capability | {' | '.join(each.name for each in shown)} |\n|---|{'---|' * len(shown)}"
    return f"{head}\n" + "\n".join(rows) + "\n"


def _declaration(value: bool | int) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _is_tested(suite: type[object], tests: Path) -> bool:
    return tests.exists() and re.search(rf"\b{suite.__name__}\)", tests.read_text(encoding="utf-8")) is not None


def _markdown(docstring: str) -> str:
    """A docstring as Markdown: single backticks around code, an empty line before each indented block."""
    lines: list[str] = []
    for line in docstring.replace("``", "`").splitlines():
        above = lines[-1] if lines else ""
        if line.startswith("    ") and above.strip() and not above.startswith("    "):
            lines.append("")
        lines.append(line)
    return "\n".join(lines)
