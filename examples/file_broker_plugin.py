"""A broker for a new scheme in one file that is not installed, on the standard library's sqlite3.

    kernelq -A proj worker --plugin file_broker_plugin --broker file:///var/tmp/queue

Guarantee: the broker contract, but for transactions shared with a store. What it does not do: wait without polling.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager

from kernelq import KernelQ, contracts, hookimpl
from kernelq.contracts import Broker, DeadLetter, Delivery, Message, QueueStats, Transition, Verdict

LOOK_EVERY = 0.02  # seconds between two looks while a fetch waits

# A message is held if `holder` is set, dead if `reason` is, else it waits.
SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (place INTEGER PRIMARY KEY AUTOINCREMENT, key, queue, raw, priority, due, since,
    fence, crashes DEFAULT 0, suspect DEFAULT FALSE, started DEFAULT FALSE, holder, reason);
CREATE TABLE IF NOT EXISTS leases (holder PRIMARY KEY, ends, lasts);
CREATE UNIQUE INDEX IF NOT EXISTS alive ON messages (key) WHERE reason IS NULL;
CREATE VIEW IF NOT EXISTS waiting AS SELECT * FROM messages WHERE holder IS NULL AND reason IS NULL"""
INSERT = "INSERT OR IGNORE INTO messages (key, queue, raw, priority, due, since, fence) VALUES (?, ?, ?, ?, ?, ?, ?)"
HAND_OUT = "UPDATE messages SET holder = ?, fence = fence + 1, started = FALSE WHERE place IN ({}) RETURNING *"
CLAIM = HAND_OUT.format("""SELECT place FROM waiting WHERE due <= ? AND queue IN (SELECT value FROM json_each(?))
    ORDER BY priority DESC, place LIMIT ?""")
TAKE_OVER = HAND_OUT.format("SELECT place FROM messages WHERE holder = ?")
TAKE_BACK = """UPDATE messages SET holder = NULL, crashes = crashes + (suspect AND started), suspect = TRUE
    WHERE holder IN (SELECT holder FROM leases WHERE ends <= ?)"""
RENEW = "UPDATE leases SET ends = ? + lasts WHERE ends > ? AND holder = ? RETURNING holder"
SETTLE = """UPDATE messages SET holder = NULL, due = ?, crashes = crashes + ?, reason = ?, since = COALESCE(?, since)
    WHERE place = ? AND fence = ? AND holder = ?"""
HELD = "SELECT place, fence FROM messages WHERE holder = ?"
PURGE = "DELETE FROM messages WHERE place IN (SELECT place FROM waiting WHERE queue = ?) RETURNING place"
DEAD = "SELECT * FROM messages WHERE reason IS NOT NULL AND ? IN (queue, '') ORDER BY since DESC, place DESC LIMIT ?"
EXHUME = "DELETE FROM messages WHERE reason IS NOT NULL AND place LIKE ? RETURNING *"
STATS = """SELECT queue AS name, COUNT(reason) AS dead, COUNT(holder) AS running,
    (SELECT COUNT(*) FROM waiting WHERE queue = one.queue AND due <= ?1) AS ready,
    (SELECT COUNT(*) FROM waiting WHERE queue = one.queue AND due > ?1) AS delayed,
    (SELECT MIN(since) FROM waiting WHERE queue = one.queue AND due <= ?1) AS oldest_ready_at
    FROM messages AS one GROUP BY queue ORDER BY queue"""


@hookimpl
def make_broker(app: KernelQ, url: str) -> Broker | None:
    return FileBroker(url.removeprefix("file://")) if url.startswith("file://") else None


class FileBroker(Broker):
    capabilities = contracts.Capabilities(
        durable=True, processes=True, delay=True, priorities=10, leases=True, dedup=True, inventory=True
    )
    now = staticmethod(time.time)

    def __init__(self, path: str) -> None:
        self.path = path

    @contextmanager
    def begin(self) -> Iterator[sqlite3.Connection]:
        """A transaction on a connection of its own: threads and forked children never share one."""
        try:
            with closing(sqlite3.connect(self.path, isolation_level=None)) as db:
                db.row_factory = sqlite3.Row
                db.executescript(SCHEMA)
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise contracts.BrokerUnavailable(f"{self.path}: {error}") from error

    def run(self, sql: str, *values: object) -> list[sqlite3.Row]:
        with self.begin() as db:
            return db.execute(sql, values).fetchall()

    def publish(self, messages: Sequence[Message]) -> None:
        with self.begin() as db:
            db.executemany(INSERT, map(self.row, messages))

    def row(self, message: Message) -> tuple[object, ...]:
        raw, due = contracts.pack(message), message.eta or 0.0
        return message.key, message.queue, raw, message.priority, due, self.now(), 0

    def consumer(self, queues: Sequence[str], *, id: str, lease: float) -> contracts.Consumer:
        return FileConsumer(self, queues, id, lease)

    def renew(self, consumer_ids: Sequence[str]) -> list[str]:
        return [id for id in consumer_ids if not self.run(RENEW, self.now(), self.now(), id)]

    def queues(self) -> list[QueueStats]:
        return [QueueStats(**dict(row)) for row in self.run(STATS, self.now())]

    def purge(self, queue: str) -> int:
        return len(self.run(PURGE, queue))

    def dead(self, *, queue: str | None = None, limit: int = 100) -> list[DeadLetter]:
        return [_letter(row) for row in self.run(DEAD, queue or "", limit)]

    def dead_retry(self, refs: Collection[str]) -> int:
        with self.begin() as db:
            rows = [row for ref in refs for row in db.execute(EXHUME, [ref]).fetchall()]
            db.executemany(INSERT, [(*row[1:5], 0.0, self.now(), row["fence"]) for row in rows])
            return len(rows)

    def dead_purge(self, refs: Collection[str] | None = None) -> int:
        return sum(len(self.run(EXHUME, ref)) for ref in (["%"] if refs is None else refs))

    def close(self) -> None:
        """Nothing stays open."""


class FileConsumer(contracts.Consumer):
    def __init__(self, broker: FileBroker, queues: Sequence[str], id: str, lease: float) -> None:
        self.id, self._broker, self._queues, self._lasts = id, broker, json.dumps(queues), lease
        self._woken = threading.Event()

    def fetch(self, limit: int, timeout: float) -> list[Delivery]:
        deadline = time.monotonic() + timeout
        while True:
            found = self._hand_out(CLAIM, self._broker.now(), self._queues, limit)
            left = deadline - time.monotonic()
            if found or left <= 0 or self._woken.wait(min(left, LOOK_EVERY)):
                self._woken.clear()
                return found

    def take_over(self, consumer_id: str) -> list[Delivery]:
        return self._hand_out(TAKE_OVER, consumer_id)

    def _hand_out(self, sql: str, *which: object) -> list[Delivery]:
        now = self._broker.now()
        with self._broker.begin() as db:
            db.execute(TAKE_BACK, [now])
            db.execute("DELETE FROM leases WHERE ends <= ?", [now])
            db.execute("INSERT OR REPLACE INTO leases VALUES (?, ?, ?)", [self.id, now + self._lasts, self._lasts])
            rows = db.execute(sql, [self.id, *which]).fetchall()
        return [_delivery(row) for row in sorted(rows, key=lambda row: (-row["priority"], row["place"]))]

    def settle(self, transitions: Sequence[Transition]) -> list[Transition]:
        with self._broker.begin() as db:
            return [each for each in transitions if not self._settle(db, each)]

    def _settle(self, db: sqlite3.Connection, each: Transition) -> bool:
        now, held = self._broker.now(), (each.delivery.tag, each.delivery.fence, self.id)
        due = now + each.delay if each.verdict is Verdict.PARK else 0.0
        grave = (each.reason, now) if each.verdict is Verdict.DEAD else (None, None)
        if not db.execute(SETTLE, [due, each.verdict is Verdict.CRASHED, *grave, *held]).rowcount:
            return False
        if each.verdict is Verdict.ACK:
            db.execute("DELETE FROM messages WHERE place = ?", [each.delivery.tag])
        db.executemany(INSERT, map(self._broker.row, each.successors))
        return True

    def mark_started(self, deliveries: Sequence[Delivery]) -> None:
        for each in deliveries:
            self._broker.run("UPDATE messages SET started = 1 WHERE place = ? AND fence = ?", each.tag, each.fence)

    def held(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        mine = {(row["place"], row["fence"]) for row in self._broker.run(HELD, self.id)}
        return [each for each in deliveries if (each.tag, each.fence) in mine]

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        self._broker.run("UPDATE messages SET holder = NULL WHERE holder = ?", self.id)
        self._broker.run("DELETE FROM leases WHERE holder = ?", self.id)


def _delivery(row: sqlite3.Row) -> Delivery:
    queue, place, fence, crashes = row["queue"], row["place"], row["fence"], row["crashes"]
    message, suspect = contracts.unpack(row["raw"]), bool(row["suspect"])
    return Delivery(message=message, queue=queue, tag=place, fence=fence, crashes=crashes, suspect=suspect)


def _letter(row: sqlite3.Row) -> DeadLetter:
    found, ref, queue, died_at = contracts.unpack(row["raw"]), str(row["place"]), row["queue"], row["since"]
    message = found if isinstance(found, Message) else None
    return DeadLetter(ref=ref, queue=queue, reason=row["reason"], died_at=died_at, raw=row["raw"], message=message)
