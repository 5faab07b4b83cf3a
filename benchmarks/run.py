"""KernelQ beside other task queues, on one machine, in one run: ``python benchmarks/run.py``; see README.md.

Standard library only: KernelQ and its peers run in processes of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from marks import SIZE
from measures import MEASURES, Measure, Size
from peers import PEERS, Peer
from report import ratios, table
from stand import BenchFailed, Stand

FULL = Size(n=20_000, round_trips=1000)
QUICK = Size(n=2000, round_trips=200)

SYNCHRONOUS = ("normal", "full", "off", "shipped")
"""When SQLite waits for the disk: at checkpoints, at every commit, never, or as each peer has it by default."""


def main() -> int:
    """Measure, print the table, write the JSON; exit code 1 when a peer failed."""
    options = _options()
    size = QUICK if options.quick else FULL
    size = Size(n=options.n or size.n, round_trips=size.round_trips)
    repeats = options.repeats or (1 if options.quick else 3)
    pythons = dict(pair.split("=", 1) for pair in options.python)
    try:
        outcome: dict[str, Any] = {
            "machine": _machine(),
            "load_before": os.getloadavg()[0],
            "settings": f"n={size.n}, {size.round_trips} round trips, 2 worker processes, "
            f"synchronous={options.synchronous}, {repeats} repeats",
            "versions": {peer.name: _version(peer, pythons.get(peer.name, sys.executable)) for peer in PEERS},
            "runs": _measure(size, repeats, pythons, options.synchronous),
        }
    except BenchFailed as error:
        print(error, file=sys.stderr)
        return 1
    outcome["ratios"] = ratios(outcome["runs"])
    if options.out:
        options.out.write_text(json.dumps(outcome, indent=1) + "\n")
    print(table(outcome))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, once: does everything run?")
    parser.add_argument("--repeats", type=int, help="how often everything is measured [3]")
    parser.add_argument("--n", type=int, help=f"tasks of a drain, messages published [{FULL.n}]")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write every number there")
    parser.add_argument(
        "--synchronous", choices=SYNCHRONOUS, default="normal", help="of SQLite [normal]; see README.md"
    )
    parser.add_argument("--python", action="append", default=[], metavar="PEER=PATH", help="Python with that peer")
    options = parser.parse_args()
    if options.n is not None and not 1 <= options.n <= SIZE // 2:
        parser.error(f"expected --n from 1 to {SIZE // 2}, got {options.n}")
    return options


def _measure(size: Size, repeats: int, pythons: dict[str, str], synchronous: str) -> dict[str, Any]:
    """Everything, peer beside peer, again and again: a machine that slows down slows all of them."""
    runs: dict[str, Any] = {measure.name: {} for measure in MEASURES}
    for _ in range(repeats):
        for measure in MEASURES:
            for peer in (peer for peer in PEERS if measure.fits(peer)):
                numbers = _once(measure, peer, pythons.get(peer.name, sys.executable), size, synchronous)
                runs[measure.name].setdefault(peer.name, []).append(numbers)
                print(f"{measure.name:14} {peer.name:8} {numbers}", file=sys.stderr, flush=True)
    return runs


def _once(measure: Measure, peer: Peer, python: str, size: Size, synchronous: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return measure.run(Stand(peer, python, Path(folder), synchronous=synchronous, results=measure.results), size)


def _version(peer: Peer, python: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({peer.package!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchFailed(
            f"{python} has no {peer.package}; pip install it there, or name another by --python {peer.name}=PATH"
        )
    return f"{peer.name} {done.stdout.strip()}"


def _machine() -> str:
    return f"{os.cpu_count()} CPUs, {platform.system()} {platform.release()}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
