"""Publishing within the caller's own transaction: a task exists if and only if that was committed."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kernelq import KernelQ, uuid
from kernelq.contracts import Consumer, ImproperlyConfigured, Message
from sqlalchemy import Column, Engine, Integer, MetaData, Table, create_engine, insert, make_url
from sqlalchemy.orm import Session, scoped_session, sessionmaker

PATIENCE = 30.0

ORDERS = Table("orders", MetaData(), Column("id", Integer, primary_key=True))


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/shop.sqlite3"
    server = request.getfixturevalue("postgres_server" if request.param == "postgresql" else "maria_server")
    return str(server.fresh(uuid()))


@pytest.fixture
def app(url: str) -> Iterator[KernelQ]:
    with KernelQ("shop", broker=url, set_as_current=False) as app:
        yield app


@pytest.fixture
def database(url: str) -> Iterator[Engine]:
    """The caller's own engine, with a table of the caller's."""
    database = create_engine(_for_sqlalchemy(url))
    ORDERS.create(database)
    yield database
    database.dispose()


@pytest.fixture
def consumer(app: KernelQ) -> Iterator[Consumer]:
    consumer = app.broker.consumer(["default"], id="lane", lease=60.0)
    yield consumer
    consumer.close()


def _for_sqlalchemy(url: str) -> str:
    library = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
    parsed = make_url(url)
    return parsed.set(drivername=library.get(parsed.drivername, parsed.drivername)).render_as_string(False)


def _call(app: KernelQ, session: Any, id: str = "a", **options: Any) -> None:
    app.send_task("shop.send", task_id=id, session=session, **options)


def _waiting(consumer: Consumer, timeout: float = 0.0) -> list[str]:
    return [each.message.id for each in consumer.fetch(10, timeout) if isinstance(each.message, Message)]


def test_a_task_published_within_a_session_exists_once_it_is_committed(
    app: KernelQ, database: Engine, consumer: Consumer
) -> None:
    with Session(database) as session:
        session.execute(insert(ORDERS).values(id=1))
        _call(app, session)
        before = _waiting(consumer) if database.dialect.name != "sqlite" else []  # whose writers wait for each other
        session.commit()

    assert before == []
    assert _waiting(consumer) == ["a"]


def test_a_task_published_within_a_session_vanishes_with_its_rollback(
    app: KernelQ, database: Engine, consumer: Consumer
) -> None:
    with Session(database) as session:
        _call(app, session)
        session.rollback()
        _call(app, session, "b")
        session.commit()

    assert _waiting(consumer) == ["b"]


def test_a_task_vanishes_with_the_savepoint_it_was_published_in(
    app: KernelQ, database: Engine, consumer: Consumer
) -> None:
    with Session(database) as session:
        session.execute(insert(ORDERS).values(id=1))
        _call(app, session, "kept")
        savepoint = session.begin_nested()
        _call(app, session, "undone")
        savepoint.rollback()
        session.commit()

    assert _waiting(consumer) == ["kept"]


def test_a_task_of_a_process_killed_before_its_commit_does_not_exist(
    app: KernelQ, url: str, database: Engine, consumer: Consumer
) -> None:
    def publish_and_die() -> None:
        with KernelQ("shop", broker=url, set_as_current=False) as mine:
            session = Session(create_engine(_for_sqlalchemy(url)))
            session.execute(insert(ORDERS).values(id=1))
            _call(mine, session)
            session.flush()
            os._exit(9)

    child = multiprocessing.get_context("fork").Process(target=publish_and_die)
    child.start()
    child.join(PATIENCE)

    assert child.exitcode == 9
    assert _waiting(consumer) == []
    with Session(database) as session:
        _call(app, session, "next")
        session.commit()
    assert _waiting(consumer) == ["next"]


def test_a_waiting_consumer_is_woken_by_the_commit(app: KernelQ, database: Engine, consumer: Consumer) -> None:
    found: list[str] = []
    assert _waiting(consumer, 0.05) == []  # it has listened from now on
    waiting = threading.Thread(target=lambda: found.extend(_waiting(consumer, PATIENCE)))

    with Session(database) as session:
        session.execute(insert(ORDERS).values(id=1))
        _call(app, session)
        waiting.start()
        session.commit()
    waiting.join(PATIENCE)

    assert found == ["a"]


def test_a_scoped_session_and_a_bare_connection_will_do(app: KernelQ, database: Engine, consumer: Consumer) -> None:
    scoped = scoped_session(sessionmaker(database))
    _call(app, scoped, "scoped")
    scoped.commit()
    scoped.remove()
    with database.begin() as connection:
        _call(app, connection, "bare")

    assert _waiting(consumer) == ["scoped", "bare"]


def test_a_batch_within_a_session_keeps_its_order_and_leaves_known_keys_out(
    app: KernelQ, database: Engine, consumer: Consumer
) -> None:
    batch = [Message(id=id, task="shop.send", body=b"[]") for id in "cab"]

    with Session(database) as session:
        app.broker.publish_within(session, batch)
        app.broker.publish_within(session, batch[:2])
        app.broker.publish_within(session, [])
        session.commit()

    assert _waiting(consumer) == ["c", "a", "b"]


def test_making_our_tables_does_not_commit_the_callers_transaction(
    app: KernelQ, database: Engine, consumer: Consumer
) -> None:
    with Session(database) as session:
        session.execute(insert(ORDERS).values(id=1))
        _call(app, session)  # the first use of this database, so the tables are not there yet
        session.rollback()
        assert session.query(ORDERS).count() == 0

    assert _waiting(consumer) == []


def test_a_session_of_another_database_is_refused(app: KernelQ, url: str, database: Engine, tmp_path: Path) -> None:
    other = _another(url, tmp_path)

    with Session(other) as session, pytest.raises(ImproperlyConfigured, match="another database than the broker"):
        _call(app, session)
    other.dispose()


def _another(url: str, folder: Path) -> Engine:
    if url.startswith("sqlite"):
        return create_engine(f"sqlite:///{folder}/other.sqlite3")
    name = {"postgresql": "postgres", "mysql": "kernelq"}[make_url(url).drivername]
    return create_engine(make_url(_for_sqlalchemy(url)).set(database=name))


Wrong = Callable[[], Any]


class AsyncSession:
    """What tells SQLAlchemy's asyncio session from the other; itself it needs a library of its own."""

    sync_session = None


@pytest.mark.parametrize(
    ("session", "advice"),
    [
        (lambda: AsyncSession(), "run_sync"),
        (lambda: Session(), "several databases"),
        (lambda: "session", "expected a SQLAlchemy Session or Connection"),
    ],
)
def test_what_is_no_session_of_one_database_is_refused_with_the_way_out(
    tmp_path: Path, session: Wrong, advice: str
) -> None:
    with (
        KernelQ("shop", broker=f"sqlite:///{tmp_path}/q.sqlite3", set_as_current=False) as app,
        pytest.raises(ImproperlyConfigured, match=advice),
    ):
        _call(app, session())


def test_a_session_of_another_dialect_is_refused(tmp_path: Path) -> None:
    database = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")

    class Elsewhere:
        """A session whose connection need not be made."""

        def connection(self) -> Any:
            return type("Connection", (), {"dialect": database.dialect})

    with (
        KernelQ("shop", broker=f"sqlite:///{tmp_path}/q.sqlite3", set_as_current=False) as app,
        pytest.raises(ImproperlyConfigured, match="the session is for postgresql, and the broker for sqlite"),
    ):
        _call(app, Elsewhere())
