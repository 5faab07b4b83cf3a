"""The table engines × behaviours: from what drivers declare, and from what a test run showed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kernelq.contracts import Capabilities
from kernelq.testing import Behaviour, Column, engines_table

PLAIN = Behaviour(number="b01", sentence="it works")
LEASED = Behaviour(number="b60", sentence="it comes back", requires=("leases", "priorities"))
CUT = Behaviour(number="b200", sentence="it survives", needs_server=True)

SUITE = """
import pytest

class TestOne:
    def test_b01_it_works(self): ...

    @pytest.mark.parametrize("way", ["up", "down"])
    def test_b02_it_works_both_ways(self, way):
        assert way == "up"

class TestOther:
    def test_b01_it_works(self):
        pytest.skip("not here")

def test_that_is_no_behaviour(): ...
"""


def test_a_cell_says_yes_or_what_is_missing() -> None:
    local = Column(name="local", capabilities=Capabilities(priorities=1))
    server = Column(name="server", capabilities=Capabilities(leases=True, priorities=10), has_server=True)

    rows = engines_table([PLAIN, LEASED, CUT], [local, server]).splitlines()

    assert rows[0] == "|  | behaviour | local | server |"
    assert rows[2:] == [
        "| b01 | it works | yes | yes |",
        "| b60 | it comes back | lacks leases, priorities | yes |",
        "| b200 | it survives | no server | yes |",
    ]


def test_a_test_run_writes_down_what_it_showed(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SUITE)
    plugin = ["-p", "kernelq_plugins.testkit.recording", "--engines-table=table.md", "-p", "no:cacheprovider"]

    subprocess.run(
        [sys.executable, "-m", "pytest", *plugin], cwd=tmp_path, capture_output=True, timeout=60, check=False
    )

    assert (tmp_path / "table.md").read_text().splitlines()[2:] == [
        "| b01 | it works | yes | - |",
        "| b02 | it works both ways | no |  |",
    ]
