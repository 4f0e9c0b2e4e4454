"""Which migration the database is at, and whether this release can serve on it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

import psycopg
import sqlalchemy as sa
from alembic.script import ScriptDirectory
from flask import current_app

from service.database import postgresql, sqlite
from service.database.statements import Statement

_revision = Statement(sa.select(sa.column("version_num")).select_from(sa.table("alembic_version")))


def current(run: Callable[[Statement], list[Any]]) -> str | None:
    """The migration that the database is at; None when it has none."""
    try:
        rows = run(_revision)
    except (psycopg.errors.UndefinedTable, sqlite3.OperationalError):
        return None
    return rows[0].version_num if rows else None


def shortcoming(run: Callable[[Statement], list[Any]]) -> str | None:
    """Why this release can't serve on the database's schema, for the log; None when it can.

    It can on a later migration than its own: in a rolling upgrade the old release goes on while
    the new one has migrated.
    """
    found, needed = current(run), _newest(current_app.config["MIGRATIONS"])
    if found is None:
        return (
            "the database is not migrated: run flask db upgrade "
            "(if it is, the role lacks USAGE on the schema of its tables)"
        )
    # Migrations are numbered.
    if found.isdecimal() and int(found) >= int(needed):
        return None
    return f"the database is at migration {found} and needs {needed}: run flask db upgrade"


@contextmanager
def alone(url: sa.URL) -> Iterator[sa.Connection]:
    """A connection for migrations: without the service's time-outs, and one process at a time.

    The others wait, and then find the work done.
    """
    if url.get_backend_name() == "sqlite":
        # All migrations are one transaction. Python's own would not begin with the first statement.
        engine = sa.create_engine(
            url, poolclass=sa.NullPool, connect_args={"isolation_level": None, "timeout": _MOMENT}
        )
        for event, statement in (("begin", "BEGIN IMMEDIATE"), ("commit", "COMMIT")):
            sa.event.listen(engine, event, partial(_patiently, statement))
        with engine.connect() as connection:
            yield connection
        return
    # Nothing is prepared: there may be a pooler in between.
    arguments = {"client_encoding": postgresql.CLIENT_ENCODING, "prepare_threshold": None}
    engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args=arguments)
    with engine.connect() as guard, engine.connect() as connection:
        driver: Any = guard.connection.driver_connection
        postgresql.check_encoding(driver)
        # Held by a transaction of its own, as each migration is one too.
        guard.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        yield connection


_MOMENT = 0.2  # seconds
_LOCK = 0x50C1A1  # any number that nobody else locks in this database


def _patiently(statement: str, connection: sa.Connection) -> None:
    """Wait until no other process is in the way; not in one go, which no signal would end.

    Who writes is in the way of a BEGIN; who reads, of a COMMIT, as long as no service has put the
    file into WAL mode: it is new, or was a backup.
    """
    while True:
        try:
            connection.exec_driver_sql(statement)
            return
        except sa.exc.OperationalError as error:
            if not sqlite.is_busy(error.orig):
                raise


@cache
def _newest(directory: str) -> str:
    head = ScriptDirectory(directory).get_current_head()
    assert head is not None  # noqa: S101 - there is a first migration
    return head
