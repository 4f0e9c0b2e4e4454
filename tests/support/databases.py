"""What tests do with a database beside the application: look at it, lock it, spoil it."""

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import flask_migrate
import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from service import create_app
from service.database import db, execute
from service.database.statements import Statement
from service.models import EventCounter
from tests.support import factories

KINDS = ("sqlite", "postgresql")
# Where a test runs; a function's mark counts before its module's.
ON_BOTH = pytest.mark.databases(*KINDS)
ON_SQLITE = pytest.mark.databases("sqlite")
ON_POSTGRESQL = pytest.mark.databases("postgresql")
ON_ONE = ON_SQLITE
"""For what no database has a part in: the rules of requests and tokens, what is published."""


@contextmanager
def application(url: str, **environ: str) -> Iterator[Flask]:
    """An application of the test's own, inside its context; its connections close at the end."""
    app = create_app(factories.environment(url, **environ))
    with app.app_context():
        try:
            yield app
        finally:
            db.engine.dispose()


def in_context(app: Flask, act: Callable[[], Any]) -> Any:
    """For another thread, which has a connection of its own."""
    with app.app_context():
        return act()


def migrate(url: str) -> None:
    with application(url):
        flask_migrate.upgrade()


def postgresql(url: str, **changes: Any) -> psycopg.Connection[Any]:
    """A connection that is none of the application's, with PostgreSQL's own defaults."""
    plain = sa.make_url(url).set(drivername="postgresql", **changes)
    return psycopg.connect(plain.render_as_string(hide_password=False))


def sqlite(url: str) -> sqlite3.Connection:
    """A connection that is none of the application's; it begins no transaction by itself."""
    return sqlite3.connect(str(sa.make_url(url).database), isolation_level=None)


@contextmanager
def a_writer(url: str) -> Iterator[Any]:
    """Another process's transaction that has linked facebook's fb-1, or holds SQLite's lock."""
    if url.startswith("sqlite"):
        with closing(sqlite(url)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
        return
    with postgresql(url) as connection:
        connection.execute(
            "INSERT INTO social_association VALUES "
            "('facebook', 'fb-1', 8, NULL, false, NULL, now(), now(), 8)"
        )
        yield connection
        connection.rollback()


def with_options(url: str, **options: str) -> str:
    """The URL with these settings of PostgreSQL in it, as an operator would put them there."""
    text = " ".join(f"-c {name}={value}" for name, value in options.items())
    changed = sa.make_url(url).update_query_dict({"options": text})
    return changed.render_as_string(hide_password=False)


@contextmanager
def empty_postgresql(server_url: str, encoding: str = "UTF8") -> Iterator[str]:
    """The URL of a new database on the server."""
    name = f"test_{uuid.uuid4().hex}"
    with postgresql(server_url) as connection:
        connection.autocommit = True
        connection.execute(
            f"CREATE DATABASE {name} ENCODING {encoding} LOCALE 'C' TEMPLATE template0"
        )
        yield (
            sa.make_url(server_url)
            .set(drivername="postgresql", database=name)
            .render_as_string(hide_password=False)
        )
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


Plain = Callable[..., list[Any]]
"""Runs a statement on a connection without being seen."""


class _Spy:
    """Sees each statement on its way into the driver, and may do something before it."""

    def __init__(self, before: Callable[[Plain, str, Any], None] | None) -> None:
        self.seen: list[str] = []
        self.is_on = False
        self._before = before

    def see(self, plain: Plain, statement: Any, parameters: Any) -> None:
        if self.is_on:
            self.seen.append(str(statement))
            if self._before is not None:
                self._before(plain, str(statement), parameters)

    def sqlite(self) -> type[sqlite3.Connection]:
        spy = self

        class Cursor(sqlite3.Cursor):
            def execute(self, sql: str, parameters: Any = (), /) -> Any:
                def plain(*arguments: Any) -> list[Any]:
                    return sqlite3.Cursor(self.connection).execute(*arguments).fetchall()

                spy.see(plain, sql, parameters)
                return super().execute(sql, parameters)

        class Connection(sqlite3.Connection):
            def cursor(self, factory: Any = Cursor) -> Any:
                return super().cursor(factory)

            def execute(self, *arguments: Any) -> sqlite3.Cursor:
                cursor: sqlite3.Cursor = self.cursor().execute(*arguments)
                return cursor

        return Connection

    def postgresql(self) -> type[psycopg.Cursor[Any]]:
        spy = self

        class Cursor(psycopg.Cursor[Any]):
            def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
                def plain(*arguments: Any) -> list[Any]:
                    cursor = psycopg.Cursor(self.connection).execute(*arguments)
                    return cursor.fetchall() if cursor.description else []

                text = query.decode() if isinstance(query, bytes) else query
                spy.see(plain, text, params)
                return super().execute(query, params, **options)

        return Cursor


@contextmanager
def watching(before: Callable[[Plain, str, Any], None] | None = None) -> Iterator[list[str]]:
    """Gives the statements that the current application runs meanwhile.

    `before` is called with each, its parameters, and a way to run others on the same connection;
    what it raises the driver raises.
    """
    engine = db.engine
    spy = _Spy(before)

    def connect(dialect: sa.Dialect, record: object, arguments: Any, options: Any) -> None:
        if dialect.name == "sqlite":
            options["factory"] = spy.sqlite()

    def connected(connection: Any, record: object) -> None:
        if isinstance(connection, psycopg.Connection):
            connection.cursor_factory = spy.postgresql()

    engine.dispose()
    with listening("do_connect", connect, insert=True), listening("connect", connected):
        execute(
            Statement(sa.select(sa.literal(1).label("value")))
        )  # what connecting takes isn't seen
        spy.is_on = True
        try:
            yield spy.seen
        finally:
            spy.is_on = False
            engine.dispose()


@contextmanager
def listening(event: str, listener: Callable[..., Any], **options: Any) -> Iterator[None]:
    engine = db.engine
    sa.event.listen(engine, event, listener, **options)
    try:
        yield
    finally:
        sa.event.remove(engine, event, listener)


def empty() -> None:
    """Make the current application's database as it is after the migrations."""
    with db.engine.begin() as connection:
        for table in reversed(db.metadata.sorted_tables):
            connection.execute(sa.delete(table))
        connection.execute(sa.insert(EventCounter).values(id=1, last_id=0, pruned_id=0))
