"""The command behind ``scripts/chaos``."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from faults.chaos import Chaos, Plan
from faults.engines import KINDS
from faults.injector import GROUPS
from faults.yard import Yard

ABOUT = """\
Call a stream of tasks (short, long, computing, retried, failing, due later) on two workers of two processes each, while
random faults are injected; then heal everything, wait for what was accepted, and check the history of it all: nothing
lost, nothing run twice at once or again without a reason, one end for each task. The server is a private one, started
on a free port of loopback; what it and the workers write is in a temporary folder, which is kept when something was
wrong.

faults:
  kill      SIGKILL to a child, to a supervisor, or to a whole worker
  freeze    SIGSTOP to a whole worker for 0.3, 1.5 or 3 leases, then SIGCONT
  stop      SIGTERM to a worker, another one in its place
  net       connections reset, refused, delayed, sliced, swallowed (both ways or one), replies cut; not for SQLite
  server    the server stopped or killed, and started again; not for SQLite
"""

EPILOG = """\
examples:
  scripts/chaos --minutes 10 --engine redis
  scripts/chaos --tasks 10000 --engine postgresql --faults kill
  scripts/chaos --minutes 2 --engine amqp --seed 7    the calls and faults of an earlier run again

exit code: 0 when nothing was wrong, 1 when something was, 2 when the command line was.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    options = _parser().parse_args(arguments)
    seed = random.randrange(10**6) if options.seed is None else options.seed
    plan = Plan(
        seed=seed, seconds=None if options.tasks else options.minutes * 60.0, tasks=options.tasks,
        groups=options.faults, every=options.every, lease=options.lease, workers=options.workers, rate=options.rate,
    )  # fmt: skip
    print(f"seed        {seed}")
    print(f"engine      {options.engine}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="kernelq-chaos-", dir="/tmp"))
    has_failed = True
    try:
        report = _run(options.engine, plan, folder)
        print(report)
        has_failed = bool(report.violations)
    finally:
        if has_failed:
            print(f"kept        {folder}; to repeat: --engine {options.engine} --seed {seed}", flush=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return int(has_failed)


def _run(engine: str, plan: Plan, folder: Path):
    kind = KINDS[engine]
    (folder / "yard").mkdir()
    with ExitStack() as stack:
        server = stack.enter_context(kind.server(folder / "server")) if kind.server is not None else None
        yard = Yard(folder / "yard", kind.ground(engine, server, folder / "yard"))
        stack.callback(yard.close)
        return Chaos(yard, plan, say=lambda line: print(f"  {line}", flush=True)).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/chaos", description=ABOUT, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--engine", choices=sorted(KINDS), default="sqlite", help="what carries the tasks (default: %(default)s)"
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--minutes", type=float, default=1.0, metavar="N", help="for how long to call tasks (default: 1)"
    )
    length.add_argument("--tasks", type=int, metavar="N", help="how many to call instead, however long it takes")
    parser.add_argument("--seed", type=int, metavar="S", help="what decides calls and faults (default: a random one)")
    every = ",".join(GROUPS)
    parser.add_argument(
        "--faults", type=_groups, default=GROUPS, metavar="A,B", help=f"which faults (default: {every})"
    )
    parser.add_argument("--every", type=float, default=2.0, metavar="S", help="seconds between two faults (default: 2)")
    parser.add_argument(
        "--lease", type=float, default=2.0, metavar="S", help="seconds a worker may be silent (default: 2)"
    )
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="how many run at once (default: 2)")
    parser.add_argument(
        "--rate", type=float, default=150.0, metavar="N", help="most tasks called in a second (default: 150)"
    )
    return parser


def _groups(text: str) -> tuple[str, ...]:
    groups = tuple(text.split(","))
    for group in groups:
        if group not in GROUPS:
            raise argparse.ArgumentTypeError(f"no faults {group!r} (known: {', '.join(GROUPS)})")
    return groups


if __name__ == "__main__":
    sys.exit(main())
