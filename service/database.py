"""The database: engine settings for SQLite and PostgreSQL, and which errors are "for now".

Every statement of the service is its own transaction (autocommit): one round trip, and
nothing half done. `execute` is the one way in; it answers within two seconds or raises.
"""

import random
import select
import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import psycopg
import sqlalchemy as sa
from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from psycopg import errors as pg
from sqlalchemy.orm import DeclarativeBase

# In seconds, each below the next so that the most telling error comes first: a lock, the
# statement as a whole, a server that answers nothing. All stay below the promised two.
LOCK_TIMEOUT = 1.0
STATEMENT_TIMEOUT = 1.25
ANSWER_TIMEOUT = 1.5
CONNECT_TIMEOUT = 1.0
# After the database was out of reach, requests are refused at once for so long. Without it
# a hundred clients would wait for each other's time-outs.
REST = 0.5

RETRIES = 3


class Base(DeclarativeBase):
    metadata = sa.MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )


db = SQLAlchemy(model_class=Base, disable_autonaming=True)
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


class Unavailable(Exception):
    """The database can't be reached, is locked or full, or refused the work for now."""


class _Rest:
    """Until when the database is taken to be out of reach, in `time.monotonic` seconds."""

    until = 0.0


def is_postgresql(url: sa.URL) -> bool:
    return url.get_backend_name() == "postgresql"


def init_app(app: Flask, url: sa.URL, *, pool_size: int) -> None:
    """Bind the database. `pool_size` is the number of threads that use it at once."""
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    options: dict[str, Any] = {
        "isolation_level": "AUTOCOMMIT",
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": CONNECT_TIMEOUT,
        # Autocommit leaves no transaction to roll back when a connection comes back.
        "pool_reset_on_return": None,
        "connect_args": _connect_args(url),
        # Else the parameters, an ext_id among them, stand in every error's text.
        "hide_parameters": True,
    }
    if is_postgresql(url):
        # Costs a query a connection to find out, and nothing here uses it.
        options["use_native_hstore"] = False
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    app.extensions["database_rest"] = _Rest()
    db.init_app(app)
    with app.app_context():
        engine = db.engine
    if is_postgresql(url):
        sa.event.listen(engine, "do_connect", _connect_postgresql)
        sa.event.listen(engine, "connect", _watch)
        sa.event.listen(engine, "checkout", _refuse_stale)
    else:
        sa.event.listen(engine, "connect", _prepare_sqlite)


def execute(
    statement: sa.Executable, parameters: Mapping[str, Any] | None = None
) -> Sequence[sa.Row[Any]]:
    """Run one statement as a transaction of its own and return its rows.

    Raises:
        Unavailable: within two seconds, and then nothing of it was done; but for a
            connection lost while the statement ran, when nobody can tell.
        sqlalchemy.exc.IntegrityError: a constraint refused it.
    """
    rest: _Rest = current_app.extensions["database_rest"]
    for attempt in range(RETRIES + 1):
        if time.monotonic() < rest.until:
            raise Unavailable("the database was out of reach a moment ago")
        try:
            with db.engine.connect() as connection:
                result = connection.execute(statement, parameters)
                return result.all() if result.returns_rows else []
        except sa.exc.TimeoutError as error:
            raise Unavailable("no connection became free") from error
        except sa.exc.DBAPIError as error:
            if _is_out_of_reach(error):
                rest.until = time.monotonic() + REST
            if not _is_for_now(error.orig):
                raise
            if not _is_worth_a_retry(error.orig) or attempt == RETRIES:
                raise Unavailable(type(error.orig).__name__) from error
            time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - no secret
    raise AssertionError("unreachable")


def _is_out_of_reach(error: sa.exc.DBAPIError) -> bool:
    # Not every lost connection means that: one may have been closed by an administrator.
    return isinstance(error.orig, psycopg.OperationalError) and error.orig.sqlstate is None


# Besides psycopg's OperationalError, which is the database's condition by definition
# (PEP 249): lost connections, lack of resources, time-outs, shutdown, conflicts.
_FOR_NOW_POSTGRESQL = (psycopg.OperationalError, pg.ReadOnlySqlTransaction)
# SQLite has one OperationalError for these and for mistakes in SQL alike.
_FOR_NOW_SQLITE = frozenset(
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


def _is_for_now(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        # The low byte is the primary code, the rest says more (sqlite.org/rescode.html).
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _FOR_NOW_SQLITE
    return isinstance(error, _FOR_NOW_POSTGRESQL)


def _is_worth_a_retry(error: BaseException | None) -> bool:
    """The database rolled it back because of somebody else, and says: again, please."""
    return isinstance(error, pg.SerializationFailure | pg.DeadlockDetected)


def _connect_args(url: sa.URL) -> dict[str, Any]:
    if not is_postgresql(url):
        return {"timeout": LOCK_TIMEOUT}
    options = {"statement_timeout": STATEMENT_TIMEOUT, "lock_timeout": LOCK_TIMEOUT}
    given = url.query.get("options", "")
    set_options = [f"-c {name}={int(seconds * 1000)}" for name, seconds in options.items()]
    # The operator's own options come last: they win.
    return {"options": " ".join([*set_options, str(given)]).strip()}


class _Connection(psycopg.Connection[Any]):
    """A connection that gives up on a server that holds the line and answers nothing.

    The server's own time-outs can't help there, and libpq's begin at two seconds.
    """

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Any:
        # psycopg wakes the generator ten times a second while nothing arrives.
        deadline = time.monotonic() + CONNECT_TIMEOUT
        steps = super()._connect_gen(conninfo)
        try:
            wanted = next(steps)
            while True:
                ready = yield wanted
                if time.monotonic() > deadline:
                    raise pg.ConnectionTimeout("the server accepts, but does not answer")
                wanted = steps.send(ready)
        except StopIteration as done:
            return done.value

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, ANSWER_TIMEOUT if timeout is None else timeout)
        except pg._WaitTimeout:
            # What the server still does with the statement nobody knows: hang up.
            self.pgconn.finish()
            raise psycopg.OperationalError("the server did not answer in time") from None


def _connect_postgresql(
    dialect: object, record: object, arguments: list[Any], parameters: dict[str, Any]
) -> _Connection:
    return _Connection.connect(*arguments, **parameters)


def _watch(connection: _Connection, record: sa.pool.ConnectionPoolEntry) -> None:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    record.info["poll"] = poll
    record.info["is_new"] = True


def _refuse_stale(
    connection: _Connection, record: sa.pool.ConnectionPoolEntry, proxy: object
) -> None:
    """Replace a connection that the server closed while it lay in the pool.

    An idle connection has nothing to read unless the server said good-bye (or something as
    rare). To look costs a microsecond, where a ping before each statement costs a round trip.
    """
    if not record.info.pop("is_new", False) and record.info["poll"].poll(0):
        raise sa.exc.DisconnectionError


def _prepare_sqlite(connection: sqlite3.Connection, record: object) -> None:
    # A statement that meets a lock waits for `timeout` of the connect arguments.
    connection.execute("PRAGMA journal_mode = WAL")
    # WAL's usual NORMAL loses the last transactions in a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
