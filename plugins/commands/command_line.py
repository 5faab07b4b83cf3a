"""The command line ``kernelq``: its options for every command, and the commands of all plugins (hook `commands`)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click
from kernelq import KernelQ, KernelQError, __version__
from kernelq.contracts import PluginConflict

from .loading import find_app


class Session:
    """What a command is given (`click.pass_obj`): the app of ``-A``, loaded when first asked for."""

    def __init__(self, app: KernelQ | None = None) -> None:
        self.name: str | None = None
        self.plugins: tuple[str, ...] = ()
        self.disabled: tuple[str, ...] = ()
        self.settings: dict[str, str] = {}
        self._app = app

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
        app, self.settings = self._app, dict(self.settings)
        if self.plugins or self.disabled:
            _add(app, self.plugins, self.disabled)
            self.plugins = self.disabled = ()
        for name, value in self.settings.items():
            app.conf.force(name, value)
        self.settings.clear()
        return app

    @property
    def app_or_new(self) -> KernelQ:
        """The project's app, or a bare one for commands that only look at the installation."""
        if self._app is None and self.name is None:
            self._app = KernelQ("kernelq", set_as_current=False)
        return self.app


def _add(app: KernelQ, plugins: Sequence[str], disabled: Sequence[str]) -> None:
    if not app.has_plugins:
        app.conf.update(plugins=tuple(plugins), disable_plugins=tuple(disabled))
        return
    for name in disabled:
        app.plugins.unregister(name)
    app.plugins.load(plugins)


def _take_app(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Session).name = value


def _take_plugins(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> None:
    setattr(context.ensure_object(Session), str(parameter.name), value)


def _take_setting(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Session).settings[str(parameter.name)] = value


def app_options(command: Any) -> Any:
    """``-A``, ``-b``, ``--result-backend``, ``--plugin`` and ``--disable-plugin``: for every command, before or after its name."""
    options = [
        click.Option(["-A", "--app", "app"], metavar="MODULE", expose_value=False, callback=_take_app, help="The app: module, package or module:attribute."),
        click.Option(["-b", "--broker", "broker_url"], metavar="URL", expose_value=False, callback=_take_setting, help="Broker, instead of the app's."),
        click.Option(["--result-backend", "result_backend"], metavar="URL", expose_value=False, callback=_take_setting, help="Result backend, instead of the app's."),
        click.Option(["--plugin", "plugins"], multiple=True, metavar="MODULE", expose_value=False, callback=_take_plugins, help="Load a module as a plugin."),
        click.Option(["--disable-plugin", "disabled"], multiple=True, metavar="NAME", expose_value=False, callback=_take_plugins, help="Leave an installed plugin out."),
    ]  # fmt: skip
    command.params.extend(options)
    return command


class Commands(click.Group):
    """The kernel's commands and those of plugins; plugins are loaded when they are needed to answer."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._from_plugins(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or self._from_plugins(ctx).get(cmd_name)

    def _from_plugins(self, context: click.Context) -> dict[str, click.Command]:
        found: dict[str, click.Command] = {}
        session = context.ensure_object(Session)
        for command in (command for offer in _offers(session) for command in offer):
            name = command.name or ""
            if found.setdefault(name, command) is not command or name in self.commands:
                raise PluginConflict(f"the command {name!r} is offered twice")
            _with_options(command)
        return found


def _offers(session: Session) -> list[Sequence[click.Command]]:
    app = session.app if session.name is not None or session._app is not None else session.app_or_new
    offers: list[Sequence[click.Command]] = app.plugins.hook.commands()
    return offers


def _with_options(command: click.Command) -> None:
    if isinstance(command, click.Group):
        for child in command.commands.values():
            _with_options(child)
    if not any(parameter.name == "app" for parameter in command.params):
        app_options(command)


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
