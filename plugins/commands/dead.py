"""``kernelq dead``: look at dead letters, send them again, forget them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from kernelq.contracts import DeadLetter, Message

from .output import json_text, moment, print_fields, print_json, print_table
from .payload import preview, read

if TYPE_CHECKING:
    from kernelq import KernelQ

    from .command_line import Session

EVERY = 1_000_000
"""How many dead letters are looked through for one, and sent again by ``--all``."""


@click.group()
def dead() -> None:
    """Dead letters: messages kept aside with the reason, because they could not be read or run."""


@dead.command("list")
@click.option("--queue", metavar="NAME", help="Only those of this queue.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_(session: Session, queue: str | None, limit: int, as_json: bool) -> None:
    """List the newest dead letters.

    \b
    Example: kernelq -A proj dead list --queue mail
    """
    letters = session.app.broker.dead(queue=queue, limit=limit)
    if as_json:
        print_json([_summary(letter) for letter in letters])
        return
    print_table(
        ("ref", "died at", "queue", "task", "id", "reason"),
        [(letter.ref, moment(letter.died_at), letter.queue, *_identity(letter), letter.reason) for letter in letters],
        empty="no dead letters",
    )


@dead.command()
@click.argument("ref")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def show(session: Session, ref: str, as_json: bool) -> None:
    """Show everything about the dead letter REF: its message, arguments, or the bytes nobody could read.

    \b
    Example: kernelq -A proj dead show 17
    """
    app = session.app
    letter = next((letter for letter in app.broker.dead(limit=EVERY) if letter.ref == ref), None)
    if letter is None:
        raise click.ClickException(f"no dead letter {ref!r}; 'kernelq dead list' shows those there are")
    if as_json:
        print_json({**_summary(letter), **_details(app, letter)})
        return
    fields = {**_summary(letter), "died_at": moment(letter.died_at), **_details(app, letter)}
    texts = (
        (name, value if value is None or isinstance(value, str) else json_text(value)) for name, value in fields.items()
    )
    print_fields((name.replace("_", " "), text) for name, text in texts)


@dead.command()
@click.argument("refs", nargs=-1, metavar="[REF]...")
@click.option("--all", "everything", is_flag=True, help="All of them, instead of naming them.")
@click.pass_obj
def retry(session: Session, refs: tuple[str, ...], everything: bool) -> None:
    """Put dead letters back into their queues, to be run like new ones.

    \b
    Examples:
      kernelq -A proj dead retry 17 18
      kernelq -A proj dead retry --all
    """
    _check_choice(refs, everything)
    broker = session.app.broker
    wanted = [letter.ref for letter in broker.dead(limit=EVERY)] if everything else list(dict.fromkeys(refs))
    _report(broker.dead_retry(wanted), len(wanted), "put back")


@dead.command("purge")
@click.argument("refs", nargs=-1, metavar="[REF]...")
@click.option("--all", "everything", is_flag=True, help="All of them, instead of naming them.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def purge_(session: Session, refs: tuple[str, ...], everything: bool, yes: bool) -> None:
    """Forget dead letters for good.

    \b
    Examples:
      kernelq -A proj dead purge 17
      kernelq -A proj dead purge --all --yes
    """
    _check_choice(refs, everything)
    wanted = list(dict.fromkeys(refs))
    if not yes:
        what = "all dead letters" if everything else f"{len(wanted)} dead letters"
        click.confirm(f"Forget {what} for good?", abort=True, err=True)
    broker = session.app.broker
    if everything:
        click.echo(f"{broker.dead_purge()} forgotten")
        return
    _report(broker.dead_purge(wanted), len(wanted), "forgotten")


def _check_choice(refs: tuple[str, ...], everything: bool) -> None:
    if bool(refs) == everything:
        raise click.UsageError("name dead letters by their REF, or give --all")


def _report(done: int, wanted: int, verb: str) -> None:
    click.echo(f"{done} {verb}")
    if done < wanted:
        raise click.ClickException(f"{wanted - done} of {wanted} were not in the dead letters any more")


def _identity(letter: DeadLetter) -> tuple[str | None, str | None]:
    return (letter.message.task, letter.message.id) if letter.message is not None else (None, None)


def _summary(letter: DeadLetter) -> dict[str, Any]:
    task, id = _identity(letter)
    return {
        "ref": letter.ref,
        "queue": letter.queue,
        "reason": letter.reason,
        "died_at": letter.died_at,
        "task": task,
        "id": id,
    }


def _details(app: KernelQ, letter: DeadLetter) -> dict[str, Any]:
    if letter.message is None:
        return {"raw": preview(letter.raw)}
    return {**_body(app, letter.message), **_head(letter.message)}


def _body(app: KernelQ, message: Message) -> dict[str, Any]:
    body = read(app, message.content_type, message.body)
    if body.problem is not None or not isinstance(body.value, list | tuple) or len(body.value) != 3:
        return {"body": str(body)}
    args, kwargs, embed = body.value
    return {"args": args, "kwargs": kwargs, **{name: value for name, value in (embed or {}).items() if value}}


def _head(message: Message) -> dict[str, Any]:
    """Every further field of a message that says something."""
    known = {"task", "id", "queue", "body"}
    fields = {name: getattr(message, name) for name in message.__struct_fields__ if name not in known}
    for name in ("eta", "expires", "sent_at"):
        fields[name] = moment(fields[name])
    return {name: value for name, value in fields.items() if value not in (None, "", {}, ())}
