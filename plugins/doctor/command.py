"""``kernelq doctor``: check a broker and a result backend end to end."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click
from kernelq import KernelQ, KernelQError

if TYPE_CHECKING:
    from collections.abc import Generator

    from .check import Check


@click.command()
@click.argument("url", required=False)
@click.option(
    "--backend", metavar="URL", help="Result backend; default: the app's, else the broker's URL if it keeps results."
)
@click.option("--strict", is_flag=True, help="Exit with 1 when there is a warning.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def doctor(session: Any, url: str | None, backend: str | None, strict: bool, as_json: bool) -> None:
    """Check the broker at URL, or the one of the app, end to end, and say what to do about what is wrong.

    Works on a queue of its own and leaves nothing behind. The exit code is 0 when nothing failed, 1 when there was a
    warning and --strict was given, 2 when something failed.

    \b
    Examples:
      kernelq doctor redis://localhost
      kernelq doctor amqp://guest:guest@localhost// --backend redis://localhost
      kernelq -A proj doctor --strict
    """
    from .report import Report  # here and below: every command line imports this module

    report = Report(as_json=as_json)
    with closing(_checks(session, url, backend)) as checks:
        for check in checks:
            report.add(check)
    report.finish()
    sys.exit({"ok": 0, "warning": int(strict), "failed": 2}[report.verdict])


def _checks(session: Any, url: str | None, backend: str | None) -> Generator[Check]:
    from .check import failed
    from .examination import Examination

    try:
        app = _app(session, url, backend)
    except KernelQError as error:
        yield failed("app", str(error))
        return
    with app:
        yield from Examination(app).run()


def _app(session: Any, url: str | None, backend: str | None) -> KernelQ:
    """The app to check: that of ``-A``, or a bare one for a URL alone."""
    from .examination import keeps_results

    url = url or session.settings.get("broker_url")
    try:
        app: KernelQ = session.app if url is None else session.app_or_new
    except click.UsageError:
        raise click.UsageError("check which broker? give a URL such as redis://localhost, or -A MODULE") from None
    backend = backend or session.settings.get("result_backend")
    if url is not None:
        app.conf.force("broker_url", url)
        if backend is None and app.conf.result_backend is None and keeps_results(url):
            backend = url
    if backend is not None:
        app.conf.force("result_backend", backend)
    return app
