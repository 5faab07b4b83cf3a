"""The reference pages, made of the code each time the docs are built: hooks, settings, commands, plugins, engines.

A hook file of MkDocs: `on_files` adds the pages to those written by hand. Nothing is written to the disk.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from kernelq import KernelQ, Option
from kernelq import hooks as hookspecs
from kernelq.contracts import Capabilities
from kernelq.errors import DriverNotFound
from kernelq.testing import (
    BackendFaultSuite,
    BackendSuite,
    BrokerFaultSuite,
    BrokerSuite,
    Column,
    behaviours,
    engines_table,
)
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

SECTION = re.compile(r"^# --- (?P<title>.+?) -+$", re.MULTILINE)

GROUPS = ("task", "worker", "broker", "result")
"""First words of settings that make a section of their own."""

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
            "reference/hooks.md": _hooks_page(app),
            "reference/settings.md": _settings_page(app),
            "reference/commands.md": _commands_page(app),
            "reference/plugins.md": _plugins_page(app),
            "reference/engines.md": _engines_page(),
        }


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
    for option in sorted(app.options().values(), key=lambda each: each.name):
        first = option.name.partition("_")[0]
        groups[first if first in GROUPS else "app"].append(option)
    for group, options in groups.items():
        rows = [_setting(option, owners.get(option.name, "kernel")) for option in options]
        head = "| setting | type | default | what it does | of |\n|---|---|---|---|---|"
        parts.append(f"## {group.capitalize()}\n\n{head}\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def _owners(app: KernelQ) -> dict[str, str]:
    """Setting → the plugin that declares it; the kernel's are left out."""
    return {option.name: plugin for plugin, declare, _ in app.plugins.heard("settings") for option in declare()}


def _setting(option: Option, owner: str) -> str:
    at_least = f", at least {option.minimum:g}" if option.minimum is not None else ""
    default = "" if option.default is None else f"`{option.default!r}`"
    kind = {"Seconds": "seconds"}.get(option.type.__name__, option.type.__name__)
    return f"| `{option.name}` | {kind}{at_least} | {default} | {option.help} | {owner} |"


# --- commands


def _commands_page(app: KernelQ) -> str:
    offers: list[Iterable[click.Command]] = app.plugins.hook.commands()
    commands = sorted((command for offer in offers for command in offer), key=lambda each: each.name or "")
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
    parts += [f"## {info.name}\n\n{_markdown(info.doc)}" for info in app.plugins.infos()]
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
