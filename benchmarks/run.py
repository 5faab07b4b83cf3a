"""The run: all measures, peer beside peer, again and again: a machine that slows down slows all of them."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

from .errors import BenchFailed, Missing
from .homes import Homes
from .measures import MEASURES, Measure, Numbers, Size
from .peers import PEERS, Peer, is_ours
from .report import LIMIT
from .resp import RedisError
from .side.marks import Marks
from .stand import FOLDER, Stand
from .stores import RedisStore, Stores

LIMIT_PATIENCE = 300.0
"""Seconds."""


class Run:
    """One run; `outcome` is all that came of it, ready for JSON at any time."""

    def __init__(self, homes: Homes, stores: Stores, folder: Path, size: Size) -> None:
        self._homes = homes
        self._stores = stores
        self._folder = folder
        self._size = size
        self._marks = Marks(folder)
        self._python: dict[str, Path] = {}
        self.outcome: dict[str, Any] = {
            "date": time.strftime("%Y-%m-%d"),
            "machine": machine(),
            "load": os.getloadavg()[0],
            "settings": "",
            "versions": {},
            "skipped": [],
            "failed": [],
            "runs": {},
        }

    def repeat(
        self, repeats: int, peers: Collection[str], measures: Collection[str], *, save: Callable[[], None]
    ) -> None:
        """Measure what is named; nothing named is everything. `save` is called after each number."""
        chosen = [measure for measure in MEASURES if not measures or measure.name in measures]
        ready = [
            peer
            for peer in PEERS
            if (not peers or peer.name in peers) and self._is_wanted(peer, chosen) and self._is_ready(peer)
        ]
        for number in range(repeats):
            if not measures or LIMIT in measures:
                self._attempt(LIMIT, LIMIT, self._limit)
            for measure in chosen:
                for peer in ready:
                    if measure.name in peer.measures and number < measure.repeats and self._is_worth(measure, peer):
                        self._attempt(measure.name, peer.name, partial(self._once, measure, peer))
                        save()
                self._stores.end("rabbitmq")  # it is busy even when nobody asks for anything

    def _once(self, measure: Measure, peer: Peer) -> Numbers:
        redis = self._stores.get("redis") if peer.store == "redis" else None
        port = redis.port if isinstance(redis, RedisStore) else 0
        stand = Stand(peer, self._python[peer.home], self._stores.get(peer.store), self._marks, self._folder, port=port)
        return measure.run(stand, self._size)

    def _limit(self) -> Numbers:
        store = self._stores.get("redis")
        assert isinstance(store, RedisStore)
        command = [
            str(self._homes.python(LIMIT)),
            str(FOLDER / "side" / "limit.py"),
            str(store.port),
            str(self._size.limit),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_PATIENCE, check=False)
        if done.returncode:
            raise BenchFailed(f"the limit could not be measured: {done.stderr[-500:]}")
        numbers: Numbers = json.loads(done.stdout.partition("@@")[2])
        self.outcome["versions"].setdefault(LIMIT, self._homes.versions(LIMIT))
        return numbers

    def _attempt(self, measure: str, peer: str, once: Callable[[], Numbers]) -> None:
        begun = time.monotonic()
        try:
            numbers = once()
        except Missing as missing:
            self._skip(f"{measure} of {peer}: {missing}")
            return
        except (BenchFailed, RedisError, OSError, subprocess.SubprocessError) as error:
            self.outcome["failed"].append(f"{measure} of {peer}: {error}")
            print(f"{measure:4} {peer:18} FAILED {error}", file=sys.stderr, flush=True)
            return
        if not numbers:
            self._skip(f"{measure} of {peer}: it has nothing of the kind")
            return
        self.outcome["runs"].setdefault(measure, {}).setdefault(peer, []).append(numbers)
        told = " ".join(f"{name}={value:.4g}" for name, value in numbers.items())
        print(f"{measure:4} {peer:18} {time.monotonic() - begun:5.1f} s  {told}", file=sys.stderr, flush=True)

    def _is_wanted(self, peer: Peer, measures: Collection[Measure]) -> bool:
        return any(measure.name in peer.measures for measure in measures)

    def _is_ready(self, peer: Peer) -> bool:
        try:
            self._stores.check(peer.store)
            self._python[peer.home] = self._homes.python(peer.home)
        except (Missing, BenchFailed) as missing:
            self._skip(f"{peer.name}: {missing}")
            return False
        self.outcome["versions"].setdefault(peer.home, self._homes.versions(peer.home))
        return True

    def _is_worth(self, measure: Measure, peer: Peer) -> bool:
        """Whether to measure it again: a peer that is far behind the fastest one by now only takes time."""
        number, measured = measure.decisive, self.outcome["runs"].get(measure.name, {})
        if not number or is_ours(peer.name) or len(measured.get(peer.name, ())) < measure.chances:
            return True
        medians = {
            name: statistics.median(repeat[number] for repeat in repeats)
            for name, repeats in measured.items()
            if not is_ours(name)
        }
        fastest = min(medians.values()) if measure.is_cost else max(medians.values())
        return not measure.is_far_behind(medians[peer.name], fastest)

    def _skip(self, why: str) -> None:
        if why not in self.outcome["skipped"]:
            self.outcome["skipped"].append(why)
            print(f"left out: {why}", file=sys.stderr, flush=True)


def machine() -> str:
    """Processor, cores, system and Python, in a line."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = names[0] if names else platform.machine()
    return (
        f"{os.cpu_count()} × {processor}, {platform.system()} {platform.release()}, Python {platform.python_version()}"
    )
