"""What is printed."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from .reading import Findings
from .tasks import Report

TOP = 12

console = Console()


def show(report: Report) -> None:
    """The largest packages, what is imported most, the longest function."""
    packages, whole = report["packages"], report["whole"]
    largest = sorted(packages.items(), key=lambda item: (-item[1]["lines"], item[0]))[:TOP]
    table = Table(
        "package", "files", "lines", "functions", "documented", title=f"{len(largest)} of {len(packages)} packages"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for name, findings in largest:
        table.add_row(name, *_numbers(findings))
    table.add_section()
    table.add_row("all", *_numbers(whole))
    console.print(table)
    most = sorted(whole["imports"].items(), key=lambda item: (-item[1], item[0]))[:TOP]
    console.print("imported most:", ", ".join(f"{name} ({times})" for name, times in most), highlight=False)
    lines, where = whole["longest"]
    console.print(f"longest function: {where}, {lines} lines", highlight=False, soft_wrap=True)


def _numbers(findings: Findings) -> tuple[str, ...]:
    share = findings["documented"] / findings["functions"] if findings["functions"] else 1
    return f"{findings['files']:,}", f"{findings['lines']:,}", f"{findings['functions']:,}", f"{share:.0%}"
