"""The command line ``kernelq``: its options for every command, and the commands of all plugins (hook `commands`)."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any

import click
from kernelq import KernelQ, KernelQError, __version__
from kernelq.contracts import PluginConflict, import_plugin

from .loading import find_app
from .user_options import with_user_options

COLLECT_AFTER = 200_000
"""Objects more than before, after which the collector looks while the app is loaded."""


class Session:
    """What a command is given (`click.pass_obj`): the app of ``-A``, loaded when first asked for."""

    def __init__(self, app: KernelQ | None = None) -> None:
        self.name: str | None = os.environ.get("KERNELQ_APP")
        self.plugins: list[str] = []
        self.disabled: list[str] = []
        self.settings: dict[str, str] = {}
        self.user_options: dict[str, Any] = {}
        """Values of the options that the app added to the command (`app.user_options`)."""
        self._told: dict[str, Any] = {}
        self._app = app
        self._bare: KernelQ | None = None

    @property
    def app(self) -> KernelQ:
        """The project's app, with the plugins and settings of the command line.

        Raises:
            click.UsageError: no ``-A`` was given.
        """
        if self._app is None:
            if self.name is None:
                raise click.UsageError("which app? give -A MODULE, or set KERNELQ_APP")
            self._app = find_app(self.name)
        return self._equipped(self._app)

    @property
    def has_app(self) -> bool:
        """Whether the project's app is known; `app` would find it."""
        return self._app is not None or self.name is not None

    @property
    def app_or_new(self) -> KernelQ:
        """The project's app, or a bare one for commands that only look at the installation."""
        if self.has_app:
            return self.app
        # Apart from `_app`: the name may still come, by an option behind the command.
        self._bare = self._bare or KernelQ("kernelq", set_as_current=False)
        return self._bare

    def _equipped(self, app: KernelQ) -> KernelQ:
        fresh = {name: value for name, value in self.user_options.items() if name not in self._told}
        if not (self.plugins or self.disabled or self.settings or fresh):
            return app
        given = {"app": self.name, "plugins": self.plugins, "disabled": self.disabled, **self.settings}
        self._told = {**self._told, **given, **fresh}
        _add(app, self.plugins, self.disabled)
        for name, value in self.settings.items():
            app.conf.force(name, value)
        self.plugins, self.disabled, self.settings = [], [], {}
        app.plugins.notify("user_preload_options", app=app, options=dict(self._told))
        return app


def _add(app: KernelQ, plugins: Sequence[str], disabled: Sequence[str]) -> None:
    if not app.has_plugins:
        app.conf.plugins, app.conf.disable_plugins = tuple(plugins), tuple(disabled)
        return
    for name in disabled:
        app.plugins.unregister(name)
    for name in plugins:
        app.plugins.register(import_plugin(name), name)


def _take_app(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Session).name = value


def _take_plugins(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> None:
    getattr(context.ensure_object(Session), str(parameter.name)).extend(value)


def _take_setting(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Session).settings[str(parameter.name)] = value


def _change_folder(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        os.chdir(value)


def app_options(command: Any) -> Any:
    """``-A``, ``-b``, ``--workdir``, ``--result-backend``, ``--plugin`` and ``--disable-plugin``: for every command,
    before or after its name."""
    options = [
        click.Option(["-A", "--app", "app"], metavar="MODULE", expose_value=False, callback=_take_app, help="The app: module, package or module:attribute."),
        click.Option(["-b", "--broker", "broker_url"], metavar="URL", expose_value=False, callback=_take_setting, help="Broker, instead of the app's."),
        click.Option(["--result-backend", "result_backend"], metavar="URL", expose_value=False, callback=_take_setting, help="Result backend, instead of the app's."),
        click.Option(["--plugin", "plugins"], multiple=True, metavar="MODULE", expose_value=False, callback=_take_plugins, help="Load a module as a plugin."),
        click.Option(["--disable-plugin", "disabled"], multiple=True, metavar="NAME", expose_value=False, callback=_take_plugins, help="Leave an installed plugin out."),
        click.Option(["--workdir"], type=click.Path(exists=True, file_okay=False), metavar="DIR", is_eager=True, expose_value=False, callback=_change_folder, help="Run there."),
    ]  # fmt: skip
    command.params.extend(options)
    return command


class Commands(click.Group):
    """The kernel's commands and those of plugins; plugins are loaded when they are needed to answer."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._from_plugins(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name) or self._from_plugins(ctx, cmd_name).get(cmd_name)
        return command and with_user_options(command, ctx.ensure_object(Session))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        line = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            commands = self._from_plugins(ctx).items()
            owners = [name for name, command in sorted(commands) if _has_option(command, error.option_name)]
            if not owners:
                raise
            # Celery 4 took them in any order; the first words are an option of the command's in many a guide.
            owner = next((name for name in owners if name in line), owners[0])
            raise click.UsageError(
                f"the option {error.option_name} belongs to the command {owner!r}: write it behind that, "
                f"kernelq -A MODULE {owner} {error.option_name} …",
                ctx,
            ) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            with _few_collections():
                return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            if not near:
                raise
            raise click.UsageError(f"no command {args[0]!r}; did you mean {near[0]!r}?", ctx) from error

    def _from_plugins(self, context: click.Context, name: str | None = None) -> dict[str, click.Command]:
        found: dict[str, click.Command] = {}
        offers: list[Sequence[click.Command]] = context.ensure_object(Session).app_or_new.plugins.hook.commands(
            name=name
        )
        for command in (command for offer in offers for command in offer):
            own = command.name or ""
            if own in self.commands:
                raise _offered_twice(own)
            _with_options(command)
            found[own] = merged(found[own], command) if own in found else command
        return found


def merged(one: click.Command, other: click.Command) -> click.Command:
    """Two groups of one name as one; a new one, for each is its plugin's own.

    Raises:
        PluginConflict: the name is that of a command that is no group, or both have a command of the same name.
    """
    name = str(one.name)
    if one is other:
        return one
    if not (isinstance(one, click.Group) and isinstance(other, click.Group)):
        raise _offered_twice(name)
    twice = sorted(one.commands.keys() & other.commands.keys())
    if twice:
        raise _offered_twice(f"{name} {twice[0]}")
    both = copy(one)
    both.commands = {**one.commands, **other.commands}
    return both


def _offered_twice(name: str) -> PluginConflict:
    return PluginConflict(f"the command {name!r} is offered twice")


@contextmanager
def _few_collections() -> Iterator[None]:
    """A block that imports the app and the plugins: hardly any of that is garbage, and each look for it would be at all of it."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        if gc.get_threshold()[0] == COLLECT_AFTER:  # else a module of the user's knows better
            if not gc.get_freeze_count():
                gc.freeze()  # there and back: all there is counts as old, without a look at each object
                gc.unfreeze()
            gc.set_threshold(*before)


def _with_options(command: click.Command) -> None:
    if isinstance(command, click.Group):
        for child in command.commands.values():
            _with_options(child)
    if not any(parameter.name == "app" for parameter in command.params):
        app_options(command)


def _has_option(command: click.Command, option: str) -> bool:
    return any(option in (*parameter.opts, *parameter.secondary_opts) for parameter in command.params)


@app_options
@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="kernelq")
def kernelq() -> None:
    """KernelQ, a distributed task queue.

    \b
    Start here:
      kernelq -A proj worker -l INFO          run the tasks of proj/__init__.py or proj.py
      kernelq -A proj call proj.add 2 3 --wait
      kernelq -A proj queues                  what waits, runs and died
    """


def main(argv: Sequence[str] | None = None, *, app: KernelQ | None = None) -> None:
    """Run the command line and exit; an error of ours is one line, without a traceback."""
    try:
        kernelq.main(args=argv and list(argv), prog_name="kernelq", obj=Session(app), auto_envvar_prefix=None)
    except KernelQError as error:
        click.echo(f"kernelq: {error}", err=True)
        sys.exit(1)
