"""Workers as processes: started in sessions of their own, watched through /proc, and ended with all they left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

STOPPING = 8.0
"""Seconds a worker has to end by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the processes hold, in MB; the proportional set size counts what they share once."""

    processes: int
    pss_mb: float
    rss_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """What one process has in memory, in MB, and what it had at its peak."""

    now_mb: float
    most_mb: float


class Workers:
    """The processes of one peer, from making the object to `end`."""

    def __init__(self, commands: Sequence[Sequence[str]], environment: Mapping[str, str], folder: Path) -> None:
        self._log_path = folder / "worker.log"
        self._log = self._log_path.open("wb")
        self.spawned_at = time.time()
        self._processes = [
            subprocess.Popen(
                command, cwd=folder, env=environment, stdout=self._log, stderr=self._log, start_new_session=True
            )
            for command in commands
        ]

    @property
    def log(self) -> str:
        """The end of what they printed."""
        return self._log_path.read_text(errors="replace")[-2000:]

    def are_alive(self) -> bool:
        """Whether none of those started has ended."""
        return all(process.poll() is None for process in self._processes)

    def memory(self) -> Memory:
        """What all of them hold now, children included."""
        found = {"Rss:": 0, "Pss:": 0}
        pids = self._pids()
        for pid in pids:
            for line in _read(pid, "smaps_rollup").splitlines():
                name, *rest = line.split()
                if name in found:
                    found[name] += int(rest[0])
        return Memory(processes=len(pids), pss_mb=found["Pss:"] / 1024, rss_mb=found["Rss:"] / 1024)

    def resident(self) -> dict[int, Resident]:
        """What each of them that lives now holds, and held at most, by process id."""
        found = {}
        for pid in self._pids():
            told = dict(line.split(":", 1) for line in _read(pid, "status").splitlines())
            if "VmHWM" in told:
                now, most = (int(told[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
                found[pid] = Resident(now_mb=now, most_mb=most)
        return found

    def cpu_seconds(self) -> float:
        """What all of them that live now have used so far, to the nanosecond where the system tells it."""
        used = 0
        for pid in self._pids():
            for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                try:
                    used += int(thread.read_text().split()[0])
                except (OSError, IndexError):
                    pass  # the thread ended
        return used / 1e9

    def end(self) -> None:
        """Ask them to end, then kill what is left of their sessions."""
        try:
            self._ask()
        finally:  # also when the run is ended while it waits here
            self._kill()
            self._log.close()

    def _ask(self) -> None:
        for process in self._processes:
            process.terminate()
        deadline = time.monotonic() + STOPPING
        for process in self._processes:
            try:
                process.wait(max(0.01, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                pass  # it is killed next

    def _kill(self) -> None:
        for pid in self._pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it ended meanwhile
        for process in self._processes:
            process.wait()

    def _pids(self) -> list[int]:
        """All living processes of their sessions."""
        sessions = {str(process.pid) for process in self._processes}
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                # After the command in brackets: state, parent, process group, session.
                fields = _read(int(entry), "stat").rpartition(")")[2].split()
                if len(fields) > 3 and fields[3] in sessions and fields[0] != "Z":
                    found.append(int(entry))
        return found


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""  # it ended
