"""A plugin of one file that is not installed: counts the tasks that succeeded and prints the number at the end.

kernelq -A proj worker --plugin one_file_plugin
"""

import os
import tempfile

from kernelq import hookimpl

# One byte for each success. With prefork the tasks run in child processes: they inherit this open file, appending to it
# is atomic, and a child killed in the middle leaves no lock behind.
tally = tempfile.TemporaryFile("ab", buffering=0)  # noqa: SIM115  (open for as long as the worker runs)


@hookimpl
def task_success() -> None:
    tally.write(b".")


@hookimpl
def worker_shutdown() -> None:
    print(f"{os.fstat(tally.fileno()).st_size} tasks succeeded", flush=True)
