"""What happens to workers and clients of SQL servers: connections ended, locks held, transactions that go on and on."""

from __future__ import annotations

import pytest
import sqlalchemy
from faults.engines import on

pytestmark = pytest.mark.faults

END_ALL = {
    "postgresql": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()",
    "mysql": "SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND db = database()",
}


def end_connections(yard):
    ended = yard.sql(END_ALL[yard.ground.engine])
    if yard.ground.engine == "mysql":
        for (number,) in ended:
            try:
                yard.sql(f"KILL {number}")
            except sqlalchemy.exc.SQLAlchemyError:
                pass  # it ended by itself
    return len(ended)


@on(("postgresql", "mysql"))
def test_connections_ended_by_the_server_cost_nothing_but_time(yard):
    """B16: under load, again and again; whatever they were about to commit is done once."""
    results = yard.call_many([("square", n, 0.002) for n in range(600)])
    yard.start(), yard.start()

    ended = 0
    for moment in (100, 200, 300, 400, 500):
        yard.until_begun(moment)
        ended += end_connections(yard)

    outcomes = yard.until_ready(results)
    yard.until_empty()
    assert ended > 5
    assert [outcome.state for outcome in outcomes] == ["SUCCESS"] * 600
    assert [len(yard.runs(result)) for result in results] == [1] * 600


@on(("postgresql", "mysql"))
def test_locks_held_by_a_stranger_for_some_seconds_are_waited_for(yard):
    """B16: somebody holds every row of the tables, as a careless migration would."""
    worker = yard.start(worker_lease=10.0)
    yard.call("square", 1).get(timeout=60)
    results = yard.call_many([("square", n, 0.002) for n in range(200)])
    yard.until_begun(50)

    engine = sqlalchemy.create_engine(
        yard.ground.broker.replace("postgresql://", "postgresql+psycopg://").replace("mysql://", "mysql+pymysql://")
    )
    with engine.begin() as stranger:
        for table in ("kernelq_messages", "kernelq_consumers"):
            stranger.execute(sqlalchemy.text(f"SELECT * FROM {table} FOR UPDATE"))
        stranger.execute(
            sqlalchemy.text("SELECT pg_sleep(3)" if yard.ground.engine == "postgresql" else "SELECT sleep(3)")
        )
    engine.dispose()

    outcomes = yard.until_ready(results)
    yard.until_empty()
    assert [outcome.state for outcome in outcomes] == ["SUCCESS"] * 200
    assert max(len(yard.runs(result)) for result in results) == 1
    assert "was refused" not in worker.log


@on(("postgresql",))
def test_a_transaction_that_stays_open_keeps_no_message_from_running(yard):
    """B16: it holds back the server's cleaning of dead rows, and nothing else."""
    engine = sqlalchemy.create_engine(yard.ground.broker.replace("postgresql://", "postgresql+psycopg://"))
    yard.app.broker.queues()
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as stranger:
        stranger.execute(sqlalchemy.text("SELECT count(*) FROM kernelq_messages"))
        results = yard.call_many([("square", n) for n in range(1000)])
        yard.start()

        outcomes = yard.until_ready(results)
    engine.dispose()

    assert [outcome.state for outcome in outcomes] == ["SUCCESS"] * 1000
    yard.until_empty()
