"""Tables of schedules from before there were namespaces."""

from __future__ import annotations

from pathlib import Path

from kernelq import KernelQ
from kernelq.beat import Mark
from kernelq_plugins.beat.finding import store_at
from sqlalchemy import create_engine, text

BEFORE = (
    "CREATE TABLE kernelq_meta (name VARCHAR(64) PRIMARY KEY, version INTEGER NOT NULL)",
    "INSERT INTO kernelq_meta VALUES ('schedules', 1)",
    "CREATE TABLE kernelq_beat (id INTEGER PRIMARY KEY, holder TEXT, fence BIGINT, ends_at FLOAT, version BIGINT)",
    "INSERT INTO kernelq_beat VALUES (1, 'h', 7, 0.0, 3)",
    "CREATE TABLE kernelq_beat_entries (name TEXT PRIMARY KEY, definition BLOB)",
    "INSERT INTO kernelq_beat_entries VALUES ('e', X'7b7d')",
    "CREATE TABLE kernelq_beat_marks (key TEXT PRIMARY KEY, last BIGINT, count BIGINT, paused SMALLINT)",
    "INSERT INTO kernelq_beat_marks VALUES ('store:e', 5000000, 2, 0)",
    "CREATE TABLE kernelq_beat_open (key TEXT, instant BIGINT, watched SMALLINT, message BLOB)",
)


def test_tables_without_namespaces_become_those_of_the_empty_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/kernelq.sqlite3"
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in BEFORE:
            connection.execute(text(statement))
    engine.dispose()

    with KernelQ("proj", broker=url, set_as_current=False, beat_namespace="") as app:
        store = store_at(app, url)
        board, fence = store.board(), store.lead("other", 60)

    assert (board.version, board.entries, board.marks) == (3, {"e": {}}, {"store:e": Mark(last=5.0, count=2)})
    assert fence == 8
