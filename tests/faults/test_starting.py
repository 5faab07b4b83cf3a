"""Workers that cannot start take no message, and say why."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import absent", "absent"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit('no')", "no"),
        ("raise KeyboardInterrupt", "Aborted!"),  # what click says of it
    ],
)
def test_a_worker_whose_project_cannot_be_imported_ends_and_takes_nothing(yard, code, said):
    """A14."""
    (yard.folder / "broken_project.py").write_text(f"from faulty import app\n{code}\n")
    yard.call("square", 1)

    worker = yard.start("broken_project", wait=False)

    assert worker.exit_code() != 0
    assert said in worker.log
    assert (yard.stats().ready, yard.begun()) == (1, 0)
