"""The database: `execute` is the way in, `replica.read` for what may be a moment old.

Each statement is a transaction of its own (autocommit), in one round trip; what takes several is
a `Transaction`. Either has its answer within two seconds, or raises; nothing is half done.
"""

import random
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
import sqlalchemy as sa
from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase

from service.database import connections, migration, postgresql, sqlite
from service.database.breaker import Breaker
from service.database.connections import ThreadConnection
from service.database.errors import Unavailable as Unavailable
from service.database.statements import Statement, Transaction
from service.database.timeouts import BUDGET, deadline

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


class _Database(NamedTuple):
    """An application's database."""

    connection: ThreadConnection
    breaker: Breaker


def init_app(app: Flask, url: sa.URL, *, pool_size: int, pooler: str | None = None) -> None:
    """Bind the database.

    Args:
        pool_size: the number of threads that use it at once.
        pooler: "transaction" behind one that hands connections on after each transaction.
    """
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = connections.engine_options(
        url, pool_size=pool_size, pooler=pooler
    )
    db.init_app(app)
    with app.app_context():
        connections.listen(db.engine)
        connection = ThreadConnection(db.engine)
        # This thread's closes now; the others notice at their next statement.
        sa.event.listen(db.engine, "engine_disposed", lambda _: connection.close())
    app.extensions["database"] = _Database(connection, Breaker())


def execute(
    statement: Statement | Transaction, parameters: Mapping[str, Any] | None = None
) -> list[Any]:
    """Run one statement (or several) as a transaction and return its rows as named tuples.

    Raises:
        Unavailable: within two seconds. Nothing of it was done, unless the connection was lost
            while the statement ran: then nobody knows.
        psycopg.Error, sqlite3.Error: a mistake in the statement, or a constraint refused it.
    """
    attempt = 0
    with deadline:
        while True:
            try:
                return _run(statement, parameters or {})
            except postgresql.CONFLICTS as error:
                # In the second half of its time another try, as long as this one, might not fit.
                half_gone = deadline.left(BUDGET) < BUDGET / 2
                if attempt == RETRIES or half_gone:
                    raise Unavailable(type(error).__name__) from error
            time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - no secret
            attempt += 1


def check() -> None:
    """Ask whether the database can serve.

    Raises:
        Unavailable: it can't, for whatever reason; its text says why.
    """
    try:
        why = migration.shortcoming(execute)
    except (psycopg.Error, sqlite3.Error, sa.exc.DBAPIError) as error:
        why = sqlite.name_of(error)
    if why:
        raise Unavailable(why)


def _run(statement: Statement | Transaction, parameters: Mapping[str, Any]) -> list[Any]:
    database: _Database = current_app.extensions["database"]
    return run_on(database.connection, statement, parameters)


def run_on(
    connection: ThreadConnection,
    statement: Statement | Transaction,
    parameters: Mapping[str, Any],
) -> list[Any]:
    """Run a statement, once, on this connection."""
    database: _Database = current_app.extensions["database"]
    began = time.monotonic()
    try:
        try:
            rows = _run_connected(database.breaker, connection, statement, parameters)
        except postgresql.STALE_PLAN:
            rows = _run_anew(database.breaker, connection, statement, parameters)
    except postgresql.CONFLICTS:
        raise
    except (psycopg.Error, sqlite3.Error, sa.exc.DBAPIError) as raised:
        error = connections.driver_error(raised)
        if postgresql.is_unanswered(error):
            database.breaker.unanswered(began)
        if why := _condition(error, connection):
            raise Unavailable(why) from raised
        raise
    database.breaker.answered()
    return rows


@contextmanager
def explained() -> Iterator[None]:
    """End with a sentence instead of a trace, when a connection of its own can't do its work.

    Raises:
        SystemExit: with the sentence.
    """
    try:
        yield
    except (psycopg.Error, sa.exc.DBAPIError) as raised:
        why = connections.condition(connections.driver_error(raised))
        if why is None:
            raise
        raise SystemExit(f"The database can't do this: {why}.") from None


def _run_connected(
    breaker: Breaker,
    connection: ThreadConnection,
    statement: Statement | Transaction,
    parameters: Mapping[str, Any],
) -> list[Any]:
    if not connection.is_open():
        with breaker.connecting():
            connection.open()
    return connection.run(statement, parameters)


def _run_anew(
    breaker: Breaker,
    connection: ThreadConnection,
    statement: Statement | Transaction,
    parameters: Mapping[str, Any],
) -> list[Any]:
    """A migration changed a column: on a new connection the statement is prepared anew."""
    # Those that lie in the pool may hold the same plan.
    for _ in range(connection.idle()):
        connection.close()
        with suppress(postgresql.STALE_PLAN):
            return _run_connected(breaker, connection, statement, parameters)
    connection.close()
    return _run_connected(breaker, connection, statement, parameters)


def _condition(error: BaseException | None, connection: ThreadConnection) -> str | None:
    if why := connections.condition(error):
        return why
    if postgresql.may_be_the_schema(error) or sqlite.may_be_the_schema(error):
        return migration.shortcoming(lambda statement: connection.run(statement, {}))
    return None
