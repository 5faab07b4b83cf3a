"""A type checker sees through `delay` to the task's own function."""

from __future__ import annotations

from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).parents[2]

HEAD = """
from kernelq import KernelQ

app = KernelQ("typing")


@app.task
def add(x: int, y: int) -> int:
    return x + y
"""


@pytest.mark.timeout(300)  # without mypy's cache it reads all that is imported
@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('add.delay("x")', 'Missing positional argument "y" in call to "delay"'),
        ('add.delay("x", 2)', 'Argument 1 to "delay" of "Task" has incompatible type "str"; expected "int"'),
        ("reveal_type(add.delay(1, 2).get())", 'Revealed type is "int"'),
        ("reveal_type(add(1, 2))", 'Revealed type is "int"'),
    ],
)
def test_mypy_says_it_of_a_call(line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "program.py"
    program.write_text(HEAD + line + "\n", encoding="utf-8")

    assert said in _mypy(program, monkeypatch)


@pytest.mark.timeout(300)
def test_mypy_agrees_with_every_line_of_the_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Success" in _mypy(Path(__file__).with_name("calls.py"), monkeypatch)


def _mypy(program: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(ROOT)  # where its configuration and its cache are
    out, errors, _ = api.run([str(program)])
    return out + errors
