"""``kernelq worker``: run tasks until stopped."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from kernelq import __version__
from kernelq.contracts import mask

from .methods import load_modules

if TYPE_CHECKING:
    from kernelq import KernelQ, Worker


@click.command()
@click.option("-l", "--loglevel", default="WARNING", show_default=True, help="DEBUG, INFO, WARNING, ERROR or CRITICAL.")
@click.option("-f", "--logfile", metavar="PATH", help="Log there instead of to the terminal.")
@click.option(
    "-c", "--concurrency", type=click.IntRange(min=0), help="Processes or threads that run tasks. [default: CPUs]"
)
@click.option("-P", "--pool", metavar="NAME", help="prefork, threads, solo, asyncio, or a plugin's. [default: prefork]")
@click.option(
    "-Q", "--queues", "--queue", metavar="A,B", help="Queues to consume. [default: task_queues, else the default queue]"
)
@click.option("-X", "--exclude-queues", metavar="A,B", help="Of these, leave some out.")
@click.option("-n", "--hostname", metavar="NAME", help="Name of this worker, such as w1@%h. [default: kernelq@%h]")
@click.option("-q", "--quiet", is_flag=True, help="No start banner.")
@click.pass_obj
def worker(
    session: Any,
    loglevel: str,
    logfile: str | None,
    concurrency: int | None,
    pool: str | None,
    queues: str | None,
    exclude_queues: str | None,
    hostname: str | None,
    quiet: bool,
) -> None:
    """Run tasks until stopped: TERM or Ctrl-C once to finish what runs, twice to give it back.

    \b
    Example: kernelq -A proj worker -l INFO -c 4 -Q default,mail
    """
    app: KernelQ = session.app
    made = app.Worker(
        concurrency=concurrency,
        pool=pool,
        queues=_names(queues),
        exclude_queues=_names(exclude_queues),
        hostname=hostname,
        loglevel=loglevel,
        logfile=logfile,
    )
    if not quiet:
        load_modules(app)
        click.echo(banner(made))
    sys.exit(made.run())


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in (text or "").split(",") if name.strip()]


def banner(worker: Worker) -> str:
    """What a worker says of itself when it starts."""
    app = worker.app
    rows = {
        "app": app.main or "__main__",
        "broker": mask(app.broker_url),
        "results": mask(app.backend_url or "none"),
        "concurrency": f"{worker.concurrency} ({worker.pool_name})",
        "queues": ", ".join(worker.queues),
        "plugins": ", ".join(info.name for info in app.plugins.infos() if info.state == "on"),
    }
    lines = [f"{worker.hostname} · kernelq {__version__} · python {sys.version.split()[0]}", ""]
    lines += [f"  {name + ':':<13}{value}" for name, value in rows.items()]
    names = sorted(name for name, task in app.tasks.items() if not getattr(task, "is_builtin", False))
    lines += ["", "  tasks:", *(f"    {name}" for name in names), ""]
    return "\n".join(lines)
