"""SQLite: how its connections are prepared, and which errors are "for now"."""

import sqlite3
from typing import Any

import sqlalchemy as sa

from service.database.timeouts import LOCK_TIMEOUT


def engine_options(url: sa.URL) -> dict[str, Any]:
    """Keyword arguments for `create_engine`."""
    return {"connect_args": {"timeout": LOCK_TIMEOUT}}


def listen(engine: sa.Engine) -> None:
    """Prepare each connection of `engine`."""
    sa.event.listen(engine, "connect", _prepare)


def _prepare(connection: sqlite3.Connection, record: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    # With WAL's usual NORMAL a power cut loses the last transactions.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


# SQLite has one OperationalError for these and for mistakes in SQL alike.
_FOR_NOW = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    }
)


def is_for_now(error: BaseException | None) -> bool:
    """Whether it is the database's condition rather than a mistake of ours."""
    # The low byte is the primary code; the rest says more (sqlite.org/rescode.html).
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _FOR_NOW
