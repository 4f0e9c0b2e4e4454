"""The database: the one way in, and which errors are "for now".

Every statement of the service is its own transaction (autocommit): one round trip, and
nothing half done. `execute` is the one way in; it answers within two seconds or raises.
"""

import random
import sqlite3
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import psycopg
import sqlalchemy as sa
from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from psycopg import errors as pg
from sqlalchemy.orm import DeclarativeBase

from service.database import connections
from service.database.postgresql import BUDGET, deadline
from service.database.statements import Statement

# After the database was out of reach, requests are refused at once for so long; then one of
# them tries. Without it a hundred clients would wait for each other's time-outs.
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


class _Database:
    """What this process knows of the database; times in seconds of `time.monotonic`."""

    def __init__(self, engine: sa.Engine) -> None:
        self.connections = connections.Connections(engine)
        self.answered = 0.0
        """When it answered last."""
        self.is_out_of_reach = False
        self.rests_until = 0.0
        self.probe = threading.Lock()
        """Held by the one thread that tries again after the rest."""


def init_app(app: Flask, url: sa.URL, *, pool_size: int) -> None:
    """Bind the database. `pool_size` is the number of threads that use it at once."""
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = connections.engine_options(url, pool_size=pool_size)
    db.init_app(app)
    with app.app_context():
        database = app.extensions["database"] = _Database(db.engine)
        connections.listen(db.engine)
        # At once; other threads find out at their next statement.
        sa.event.listen(db.engine, "engine_disposed", lambda _: database.connections.drop())


def execute(statement: Statement, parameters: Mapping[str, Any] | None = None) -> list[Any]:
    """Run one statement as a transaction of its own and return its rows as named tuples.

    Raises:
        Unavailable: within two seconds, and then nothing of it was done; but for a
            connection lost while the statement ran, when nobody can tell.
        psycopg.Error, sqlite3.Error: a mistake in the statement, or a constraint refused it.
    """
    attempt = 0
    with deadline:
        while True:
            try:
                return _try(statement, parameters or {})
            except _FOR_SOMEBODY_ELSE as error:
                # In the second half of its time another try, as long as this one, might not fit.
                half_gone = deadline.left(BUDGET) < BUDGET / 2
                if attempt == RETRIES or half_gone:
                    raise Unavailable(type(error).__name__) from error
            time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - no secret
            attempt += 1


# The database rolled it back because of another transaction, and says: again, please.
_FOR_SOMEBODY_ELSE = (pg.SerializationFailure, pg.DeadlockDetected)


def _try(statement: Statement, parameters: Mapping[str, Any]) -> list[Any]:
    database: _Database = current_app.extensions["database"]
    if not database.is_out_of_reach:
        return _ask(database, statement, parameters)
    if time.monotonic() < database.rests_until or not database.probe.acquire(blocking=False):
        raise Unavailable("the database was out of reach a moment ago")
    try:
        return _ask(database, statement, parameters)
    finally:
        database.probe.release()


def _ask(database: _Database, statement: Statement, parameters: Mapping[str, Any]) -> list[Any]:
    started = time.monotonic()
    try:
        rows = database.connections.run(statement, parameters)
    except _FOR_SOMEBODY_ELSE:
        raise
    except (psycopg.Error, sqlite3.Error, sa.exc.DBAPIError) as raised:
        # SQLAlchemy's when it prepares its first connection.
        error = raised.orig if isinstance(raised, sa.exc.DBAPIError) else raised
        # Out of reach, unless it has answered somebody in the meantime: then it is slow.
        if _has_no_answer(error) and database.answered < started:
            database.rests_until = time.monotonic() + REST
            database.is_out_of_reach = True
        if _is_for_now(error):
            raise Unavailable(type(error).__name__) from raised
        raise
    database.answered = time.monotonic()
    database.is_out_of_reach = False
    return rows


def _has_no_answer(error: BaseException | None) -> bool:
    # What PostgreSQL says itself has a code, a closed connection's good-bye too.
    return isinstance(error, psycopg.OperationalError) and error.sqlstate is None


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
