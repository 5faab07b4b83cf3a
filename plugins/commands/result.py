"""``kernelq result``: what is stored of a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from kernelq.contracts import EXCEPTION_STATES, Outcome

from .output import json_text, moment, print_fields, print_json
from .payload import Payload, read

if TYPE_CHECKING:
    from .command_line import Session


@click.command()
@click.argument("id")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--tree", is_flag=True, help="The whole workflow it belongs to, with the state of each task.")
@click.pass_obj
def result(session: Session, id: str, as_json: bool, tree: bool) -> None:
    """Show what is stored of the task ID: its state, value, error, traceback and reason.

    The exit code is 1 when nothing is stored of it, or with --tree no workflow is known of it.

    \b
    Example: kernelq -A proj result 5d2b9f0e-6a0c-4a3e-9a51-0c6f5d3c1a77
    """
    app = session.app
    if tree:
        if as_json:
            raise click.UsageError("give --json or --tree, not both")
        from kernelq import workflow_views

        workflow_views.draw(app, id).show()
        return
    outcome = app.backend.get_many([id]).get(id)
    if outcome is None:
        raise click.ClickException(
            f"nothing is stored of the task {id!r}: it waits or runs still, its result was not kept, or there is no such task"
        )
    payload = None if outcome.value is None else read(app, outcome.content_type, outcome.value)
    if as_json:
        print_json(_as_json(outcome, payload))
        return
    is_error = outcome.state in EXCEPTION_STATES
    print_fields(
        [
            ("state", outcome.state),
            ("reason", outcome.reason),
            ("task", outcome.task),
            ("error" if is_error else "value", _error(payload) if is_error else payload),
            ("worker", outcome.worker),
            ("retries", outcome.retries or None),
            ("done at", moment(outcome.done_at)),
        ]
    )
    if outcome.traceback:
        click.echo(f"\n{outcome.traceback.rstrip()}")


def _as_json(outcome: Outcome, payload: Payload | None) -> dict[str, Any]:
    value = payload.as_json() if payload is not None else None
    is_error = outcome.state in EXCEPTION_STATES
    return {
        "id": outcome.id,
        "state": outcome.state,
        "value": None if is_error else value,
        "error": value if is_error else None,
        "traceback": outcome.traceback,
        "reason": outcome.reason,
        "task": outcome.task,
        "worker": outcome.worker,
        "retries": outcome.retries,
        "done_at": outcome.done_at,
    }


def _error(payload: Payload | None) -> str | None:
    """A stored exception as Python prints one."""
    if payload is None:
        return None
    value = payload.value
    if not isinstance(value, dict) or "exc_type" not in value:
        return str(payload)
    arguments = value.get("exc_message") or []
    words = arguments if isinstance(arguments, list | tuple) else [arguments]
    text = ", ".join(word if isinstance(word, str) else json_text(word) for word in words)
    return f"{value['exc_type']}: {text}" if text else str(value["exc_type"])
