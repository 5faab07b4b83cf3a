"""``kernelq once``: look at claims, and free a key by force."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from .store import lock_store

if TYPE_CHECKING:
    from .contract import Holder


@click.group()
def once() -> None:
    """Claims: keys that tasks hold so that the same work is not queued twice."""


@once.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=1000, show_default=True, help="The oldest so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_(session: Any, limit: int, as_json: bool) -> None:
    """List who holds which key, the oldest claims first.

    \b
    Example: kernelq -A proj once list
    """
    claims = lock_store(session.app).claims(limit)
    if as_json:
        click.echo(json.dumps([_plain(holder) for holder in claims], indent=2))
        return
    if not claims:
        click.echo("no claims", err=True)
    for holder in claims:
        click.echo(_line(holder))


@once.command()
@click.argument("key")
@click.pass_obj
def release(session: Any, key: str) -> None:
    """Free KEY, whoever holds it: the same work may be queued at once, although the holder may still run.

    \b
    Example: kernelq -A proj once release qo_proj.tasks.rebuild_site-7
    """
    if not lock_store(session.app).free(key):
        raise click.ClickException(f"nobody holds {key!r}; 'kernelq once list' shows the keys that are held")
    click.echo("released")


def _plain(holder: Holder) -> dict[str, Any]:
    return {
        "key": holder.key,
        "task": holder.task,
        "id": holder.token,
        "queue": holder.queue or None,
        "since": datetime.fromtimestamp(holder.since, UTC).isoformat(),
        "remaining": round(holder.remaining, 3),
    }


def _line(holder: Holder) -> str:
    since = datetime.fromtimestamp(holder.since, UTC).strftime("%Y-%m-%d %H:%M:%S")
    parts = (_shown(holder.key), _shown(holder.task), _shown(holder.token), f"since {since}")
    return "  ".join((*parts, f"{holder.remaining:.0f} s left" if holder.remaining > 0 else "to be looked at"))


def _shown(text: str) -> str:
    """Control characters are shown, never obeyed."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
