"""``kernelq beat``: send periodic tasks until stopped; below it what people do with entries, see `editing`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import click

from .editing import COMMANDS
from .worker_options import in_file, scheduling

if TYPE_CHECKING:
    from kernelq import KernelQ


class Session(Protocol):
    """What the command line gives every command."""

    settings: dict[str, str]

    @property
    def app(self) -> KernelQ: ...


@click.group(invoke_without_command=True)
@click.option(
    "-s", "--schedule", metavar="FILE", help="The file that keeps the schedule. [default: celerybeat-schedule]"
)
@click.option("-S", "--scheduler", metavar="URL|CLASS", help="A schedule store (redis://…), or another scheduler.")
@click.option("--max-interval", type=float, metavar="SECONDS", help="Sleep no longer than that.")
@click.option("-l", "--loglevel", default="WARNING", show_default=True, help="DEBUG, INFO, WARNING, ERROR or CRITICAL.")
@click.option("-f", "--logfile", metavar="PATH", help="Log there instead of to the terminal.")
@click.option("--pidfile", metavar="PATH", help="Write the process id there; refuse to start beside a living one.")
@click.option("-q", "--quiet", is_flag=True, help="No start banner.")
@click.pass_context
def beat(
    context: click.Context,
    schedule: str | None,
    scheduler: str | None,
    max_interval: float | None,
    loglevel: str,
    logfile: str | None,
    pidfile: str | None,
    quiet: bool,
) -> None:
    """Send periodic tasks until stopped (TERM or Ctrl-C); commands below look at entries and change them.

    \b
    Examples:
      kernelq -A proj beat -l INFO
      kernelq -A proj beat -S redis://host/0
      kernelq -A proj beat list
    """
    session: Session = context.obj
    if schedule is not None:
        session.settings |= in_file(schedule)
    if scheduler is not None:
        session.settings |= scheduling(scheduler)
    if context.invoked_subcommand is not None:
        return
    app: Any = session.app
    app.Beat(max_interval=max_interval, loglevel=loglevel, logfile=logfile, pidfile=pidfile, quiet=quiet).run()


for _command in COMMANDS:
    beat.add_command(_command)
