"""SQLite: how its connections are prepared, and what its errors say."""

import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from service.database.timeouts import LOCK_TIMEOUT


def engine_options(url: sa.URL, pooler: str | None) -> dict[str, Any]:
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


def connect(database: str | Path) -> sqlite3.Connection:
    """A connection beside the service's, to a file that is there: none is made."""
    return sqlite3.connect(f"file:{quote(str(database))}?mode=rw", uri=True)


# SQLite has one OperationalError for these and for mistakes in SQL alike.
_CONDITIONS = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }
)


def condition(error: BaseException | None) -> str | None:
    """The condition of the database that the error speaks of, for the log: SQLite's name for it.

    Returns: None when the error is a mistake of ours.
    """
    return name_of(error) if _primary_code(error) in _CONDITIONS else None


def name_of(error: BaseException | None) -> str:
    """SQLite's name for an error, such as SQLITE_CANTOPEN, or else Python's."""
    return str(getattr(error, "sqlite_errorname", type(error).__name__))


def is_busy(error: BaseException | None) -> bool:
    """Whether another process is in the way."""
    return _primary_code(error) == sqlite3.SQLITE_BUSY


def may_be_the_schema(error: BaseException | None) -> bool:
    """Whether the error may come from a database that is not migrated."""
    return _primary_code(error) == sqlite3.SQLITE_ERROR


def _primary_code(error: BaseException | None) -> int:
    # The low byte; the rest says more (sqlite.org/rescode.html).
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
