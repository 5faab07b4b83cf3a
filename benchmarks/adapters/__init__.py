"""One module per peer: its app with the tasks, and the calls the client makes. Run with the peer's own Python.

    noop(i)               task: marks `i` and returns 1
    echo(i)               task: returns `i`
    send(i)               call `noop`, as the peer's users do
    send_many(numbers)    the same for many at once; missing where the peer has nothing for it
    round_trip(i)         call `echo` and wait for its result

Environment: BENCH_STORE (path of the database file), BENCH_SYNCHRONOUS (see `run.SYNCHRONOUS`), BENCH_RESULTS (``1``: keep
results), BENCH_MARKS (see `marks`).
"""
