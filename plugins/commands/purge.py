"""``kernelq purge``: drop what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from .command_line import Session


@click.command()
@click.argument("names", nargs=-1, metavar="[QUEUE]...")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def purge(session: Session, names: tuple[str, ...], yes: bool) -> None:
    """Drop every message that waits in the queues, with or without an eta; all queues if none is named.

    What runs goes on, and dead letters stay (see "kernelq dead purge"). Dropped messages are gone for good.

    \b
    Example: kernelq -A proj purge mail --yes
    """
    broker = session.app.broker
    known = {stats.name: stats for stats in broker.queues()}
    missing = [name for name in names if name not in known]
    if missing:
        raise click.ClickException(f"no queue {missing[0]!r} (there are: {', '.join(known) or 'none'})")
    chosen = list(dict.fromkeys(names)) or list(known)
    waiting = sum(known[name].ready + known[name].delayed for name in chosen)
    if not yes:
        click.confirm(f"Drop about {waiting} messages from {', '.join(chosen) or 'no queue'}?", abort=True, err=True)
    click.echo(f"{sum(broker.purge(name) for name in chosen)} dropped")
