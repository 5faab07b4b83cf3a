"""Pool of threads: one lane whose tasks run on the threads of the worker's own process.

    kernelq -A proj worker --pool threads --concurrency 50

Install: part of ``pip install kernelq``. For tasks that wait (HTTP calls, databases, files): a thread costs
little and shares what the process has loaded. Tasks that compute hold the interpreter's lock and
are better off with ``prefork``.

Options:
    worker_concurrency      how many threads run tasks

Guarantee: at most that many tasks at once; a warm stop lets every running task finish and gives the others
back. Log lines name their thread with ``%(threadName)s``: ``slot-0``, ``slot-1``, …

What it does not do: keep time limits, replace children, or interrupt a task. Nothing can end a thread from
outside: on a quick stop the messages of running tasks go back to their queues at once, but the tasks
themselves run on until they return or the process is killed, and their late outcomes are refused.
"""
