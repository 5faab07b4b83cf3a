"""The app and its one task."""

from __future__ import annotations

import re
from collections import Counter

from kernelq import KernelQ, get_task_logger

QUEUE = "wordcount"

WORD = re.compile(r"[^\W\d_]+")

log = get_task_logger(__name__)

# A queue of its own, so that a broker used for other things too is left as it was. A short lease: should every process
# of the worker be killed at once, the next one gets their messages after 3 seconds instead of 15.
app = KernelQ("wordcount", task_default_queue=QUEUE, worker_lease=3)


@app.task
def count_words(path: str) -> dict[str, int]:
    """How often each word occurs in a text file, in lower case.

    The same whoever counts, so that it may run twice: bytes that are not UTF-8 count as gaps between words, a file
    that cannot be read as empty.
    """
    words: Counter[str] = Counter()
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                words.update(WORD.findall(line.lower()))
    except OSError as error:
        log.warning("counted as empty: %s", error)
        return {}
    return dict(words)
