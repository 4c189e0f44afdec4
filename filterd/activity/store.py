# SPDX-License-Identifier: GPL-3.0-or-later
"""What was decided, kept on this machine in one SQLite file: bounded, deleted when old, never in filtering's way."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from filterd.activity.feed import Event
from filterd.activity.query import Found, Search, Total

logger = logging.getLogger(__name__)

MAX_EVENTS = 1_000_000
_TRIM = 20  # at the bound, one in so many is deleted at once: seldom, and not row by row
_VERSION = 1
_HOUR = 3600

# Names and words stand once: an event is nine small numbers. `totals` answers counts without a walk through events.
_SCHEMA = """
CREATE TABLE hosts (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE words (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE events (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, host INTEGER NOT NULL, profile INTEGER NOT NULL,
    action INTEGER NOT NULL, category INTEGER NOT NULL, cause INTEGER NOT NULL, rule INTEGER NOT NULL,
    list INTEGER NOT NULL, count INTEGER NOT NULL
);
CREATE INDEX events_by_host ON events (host, id);
CREATE INDEX events_by_category ON events (category, id);
CREATE INDEX events_by_profile ON events (profile, id);
CREATE INDEX events_by_time ON events (at);
CREATE TABLE totals (
    hour INTEGER NOT NULL, profile INTEGER NOT NULL, action INTEGER NOT NULL, category INTEGER NOT NULL,
    count INTEGER NOT NULL, PRIMARY KEY (hour, profile, action, category)
) WITHOUT ROWID;
"""

_SEARCH = """
SELECT e.id, e.at, h.name, p.text, a.text, c.text, k.text, r.text, l.text, e.count
FROM events e {index} JOIN hosts h ON h.id = e.host JOIN words p ON p.id = e.profile JOIN words a ON a.id = e.action
JOIN words c ON c.id = e.category JOIN words k ON k.id = e.cause JOIN words r ON r.id = e.rule
JOIN words l ON l.id = e.list
{where} ORDER BY e.id DESC LIMIT ?
"""


class ActivityStore:
    """The file at *path*. Not for two threads at a time. Nothing here raises for a disk that is full or a broken file:
    *problem* says so, *lost* counts.
    """

    def __init__(self, path: Path, *, max_events: int = MAX_EVENTS) -> None:
        self._path = path
        self._max_events = max_events
        self._words: dict[str, int] = {}
        self._kept = 0
        self.problem = self._begun_anew = ""
        self.lost = 0
        self._connection = self._open()

    def add(self, events: Iterable[Event]) -> None:
        """Keep *events*, in one transaction; equal ones become one with a count."""
        merged: dict[tuple[str, ...], Event] = {}
        counts: dict[tuple[str, ...], int] = {}
        for event in events:
            key = (event.host, event.profile, event.action, event.category, event.cause, event.rule, event.list)
            merged[key] = event
            counts[key] = counts.get(key, 0) + event.count
        if not merged:
            return
        if not self._guarded(lambda db: self._insert(db, [(e, counts[key]) for key, e in merged.items()])):
            self.lost += sum(counts.values())
        elif self.problem != self._begun_anew:
            logger.info("%s: activity is kept again", self._path)
            self.problem = self._begun_anew  # what was lost once stays told; what is over is not

    def search(self, wanted: Search) -> list[Found]:
        """Return the latest events that *wanted* describes, the latest first."""
        where, values = _conditions(wanted)
        rows: list[Found] = []
        index = self._index_for(wanted)

        def ask(db: sqlite3.Connection) -> None:
            query = _SEARCH.format(index=index, where=where)
            rows.extend(Found(*row) for row in db.execute(query, (*values, wanted.limit)))

        self._guarded(ask)
        return rows

    def totals(self, *, since: float, until: float) -> list[Total]:
        """Return the counts of each hour from *since* to *until*, by profile, action and category."""
        rows: list[Total] = []

        def ask(db: sqlite3.Connection) -> None:
            query = """
            SELECT t.hour, p.text, a.text, c.text, t.count FROM totals t
            JOIN words p ON p.id = t.profile JOIN words a ON a.id = t.action JOIN words c ON c.id = t.category
            WHERE t.hour >= ? AND t.hour < ? ORDER BY t.hour"""
            found = db.execute(query, (int(since) // _HOUR * _HOUR, int(until)))
            rows.extend(Total(*row) for row in found)

        self._guarded(ask)
        return rows

    def forget(self, *, before: float | None = None) -> None:
        """Delete what is older than *before*; everything without it. The bytes too, not only the way to them."""

        def delete(db: sqlite3.Connection) -> None:
            at = before if before is not None else 1e15
            db.execute("DELETE FROM events WHERE at < ?", (at,))
            db.execute("DELETE FROM totals WHERE hour + ? <= ?", (_HOUR, at))
            db.execute("DELETE FROM hosts WHERE id NOT IN (SELECT host FROM events)")

        self._guarded(delete)
        self._guarded(self._shrink, transaction=False)

    @property
    def count(self) -> int:
        """How many events are kept."""
        return self._kept

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _insert(self, db: sqlite3.Connection, events: Sequence[tuple[Event, int]]) -> None:
        for event, count in events:
            profile, action, category = (self._word(db, w) for w in (event.profile, event.action, event.category))
            cause, rule, listed = (self._word(db, word) for word in (event.cause, event.rule, event.list))
            db.execute(
                "INSERT INTO events VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (int(event.when), _host(db, event.host), profile, action, category, cause, rule, listed, count),
            )
            db.execute(
                "INSERT INTO totals VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
                (int(event.when) // _HOUR * _HOUR, profile, action, category, count),
            )
        self._kept += len(events)
        if self._kept > self._max_events:
            db.execute("DELETE FROM events WHERE id IN (SELECT id FROM events ORDER BY id LIMIT ?)", (self._trim(),))
            db.execute("DELETE FROM hosts WHERE id NOT IN (SELECT host FROM events)")
            self._kept = db.execute("SELECT count(*) FROM events").fetchone()[0]

    def _trim(self) -> int:
        return self._kept - self._max_events + max(1, self._max_events // _TRIM)

    def _word(self, db: sqlite3.Connection, text: str) -> int:
        known = self._words.get(text)
        if known is None:
            db.execute("INSERT OR IGNORE INTO words (text) VALUES (?)", (text,))
            known = int(db.execute("SELECT id FROM words WHERE text = ?", (text,)).fetchone()[0])
            if len(self._words) > 50_000:  # rules are many; a bound for memory
                self._words.clear()
            self._words[text] = known
        return known

    def _index_for(self, wanted: Search) -> str:
        """Return how to look: what is rare is fetched by its index, else the events are walked from the end."""
        probes = (
            (wanted.text.lower(), "hosts WHERE instr(name, ?)", 200, "events_by_host"),
            (
                wanted.category,
                "events WHERE category = (SELECT id FROM words WHERE text = ?)",
                5000,
                "events_by_category",
            ),
            (wanted.profile, "events WHERE profile = (SELECT id FROM words WHERE text = ?)", 5000, "events_by_profile"),
        )
        for word, where, many, index in probes:
            if word and self._count(where, word, up_to=many) < many:
                return f"INDEXED BY {index}"
        return "NOT INDEXED"

    def _count(self, where: str, word: str, *, up_to: int) -> int:
        found: list[int] = []
        query = f"SELECT count(*) FROM (SELECT 1 FROM {where} LIMIT {up_to})"  # noqa: S608 (of the three above)
        self._guarded(lambda db: found.extend(db.execute(query, (word,)).fetchone()))
        return found[0] if found else up_to

    def _open(self) -> sqlite3.Connection | None:
        try:
            return self._connect()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "disk" in str(error):
                self._tell(error)
                return None
            # Kept aside: somebody may want to know what happened, and nothing of it may stop the new one.
            aside = self._path.with_name(f"{self._path.name}.broken")
            try:
                self._path.replace(aside)
                connection = self._connect()
            except (OSError, sqlite3.Error) as again:
                self._tell(again)
                return None
            self.problem = self._begun_anew = f"{self._path}: was damaged and begins anew; the old one is {aside.name}"
            logger.warning("%s", self.problem)
            return connection
        except OSError as error:
            self._tell(error)
            return None

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite would make it for everybody to read
        db = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None, timeout=2)
        try:
            for pragma in (
                "auto_vacuum = INCREMENTAL",
                "journal_mode = WAL",
                "synchronous = NORMAL",
                "secure_delete = ON",
            ):
                db.execute(f"PRAGMA {pragma}")
            _bring_up_to_date(db)
            self._kept = db.execute("SELECT count(*) FROM events").fetchone()[0]
        except BaseException:
            db.close()
            raise
        return db

    def _guarded(self, work: Callable[[sqlite3.Connection], object], *, transaction: bool = True) -> bool:
        if self._connection is None and (self.problem and not self._reopen()):
            return False
        db = self._connection
        if db is None:
            return False
        try:
            if transaction:
                db.execute("BEGIN")
            work(db)
            if transaction:
                db.execute("COMMIT")
        except sqlite3.Error as error:
            self._tell(error)
            self._words.clear()  # what was to be written was taken back
            if db.in_transaction:
                db.execute("ROLLBACK")
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                self.close()
                self._connection = self._open()
            return False
        return True

    def _reopen(self) -> bool:
        self._connection = self._open()
        return self._connection is not None

    def _shrink(self, db: sqlite3.Connection) -> None:
        db.execute("PRAGMA incremental_vacuum").fetchall()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._kept = db.execute("SELECT count(*) FROM events").fetchone()[0]

    def _tell(self, error: Exception) -> None:
        problem = f"{self._path}: activity is not kept: {error}"
        if problem != self.problem:
            logger.warning("%s", problem)
        self.problem = problem


def _bring_up_to_date(db: sqlite3.Connection) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")
    elif version != _VERSION:
        raise sqlite3.DatabaseError(f"of version {version}, which this program does not know")


def _host(db: sqlite3.Connection, name: str) -> int:
    row = db.execute("SELECT id FROM hosts WHERE name = ?", (name,)).fetchone()
    if row is None:
        row = db.execute("INSERT INTO hosts (name) VALUES (?) RETURNING id", (name,)).fetchone()
    return int(row[0])


def _conditions(wanted: Search) -> tuple[str, list[object]]:
    parts: list[str] = []
    values: list[object] = []
    if wanted.text:
        parts.append("e.host IN (SELECT id FROM hosts WHERE instr(name, ?))")
        values.append(wanted.text.lower())
    for column in ("profile", "action", "category"):
        if word := getattr(wanted, column):
            parts.append(f"e.{column} = (SELECT id FROM words WHERE text = ?)")  # noqa: S608 (columns named above)
            values.append(word)
    for limit, sign in ((wanted.since, ">="), (wanted.until, "<")):
        if limit is not None:
            parts.append(f"e.at {sign} ?")
            values.append(limit)
    if wanted.before_id is not None:
        parts.append("e.id < ?")
        values.append(wanted.before_id)
    return ("WHERE " + " AND ".join(parts) if parts else ""), values
