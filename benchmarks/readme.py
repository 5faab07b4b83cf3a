"""The place in README.md that a run rewrites."""

from __future__ import annotations

BEGIN = "<!-- bench: begin; written by scripts/bench --update-readme -->"
END = "<!-- bench: end -->"


def replaced(text: str, table: str) -> str:
    """The text with what stands between the marks replaced. Raises `ValueError` where the marks are not, or not in order."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"expected {BEGIN!r} and then {END!r} in README.md")
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"
