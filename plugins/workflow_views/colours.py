"""The colours of states, the same in every drawing."""

from __future__ import annotations

from kernelq.contracts import FAILURE, PENDING, RETRY, REVOKED, SUCCESS

from .workflow import UPSTREAM, Standing

KINDS = ("done", "failed", "revoked", "retried", "running", "skipped", "waiting", "parts")
"""What is told apart by colour."""

_OF_STATE = {SUCCESS: "done", FAILURE: "failed", REVOKED: "revoked", RETRY: "retried", PENDING: "waiting"}

PALE = {
    "done": "#d3f0d8", "failed": "#fbd5d5", "revoked": "#ecdcf7", "retried": "#fdebc8", "running": "#d4e4fb", "skipped": "#e4e4e4",
    "waiting": "#f6f6f6", "parts": "#f6f6f6",
}  # fmt: skip
"""Behind dark letters."""

DEEP = {
    "done": "#1d4a2a", "failed": "#662529", "revoked": "#4a2f63", "retried": "#5c4413", "running": "#1f3f6b", "skipped": "#3c3c3c",
    "waiting": "#262b31", "parts": "#262b31",
}  # fmt: skip
"""Behind light letters."""

LETTERS = {
    "done": "green", "failed": "bold red", "revoked": "magenta", "retried": "yellow", "running": "blue", "skipped": "dim",
    "waiting": "dim", "parts": "",
}  # fmt: skip
"""Styles of rich, on a terminal."""


def kind_of(standing: Standing | None) -> str:
    """Which of `KINDS`; a state of the task's own means that it runs. None: of several tasks."""
    if standing is None:
        return "parts"
    if standing.reason == UPSTREAM:
        return "skipped"
    return _OF_STATE.get(standing.state, "running")
