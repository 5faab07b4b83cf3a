"""The project a version later: it knows one task more."""

from __future__ import annotations

from faulty import app, recorded


@app.task(bind=True, name="faulty.newcomer")
def newcomer(self) -> str:
    with recorded(self):
        return "known by now"
