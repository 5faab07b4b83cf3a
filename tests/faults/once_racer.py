"""One of many processes that want one key: tells whether it had it. Argument: the broker's URL; begins with a line on its standard input."""

from __future__ import annotations

import sys

from kernelq import AlreadyQueued, KernelQ
from once_tasks import define

url = sys.argv[1]
with KernelQ("once_tasks", broker=url, backend=url, set_as_current=False) as app:
    work = define(app)
    app.broker.queues()  # connected
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        print("had", work.delay("one").id)
    except AlreadyQueued as refused:
        print("refused", refused.task_id)
