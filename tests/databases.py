"""What tests do with a database beside the application: look at it, lock it, spoil it."""

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import flask_migrate
import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from service import create_app
from service.database import db
from tests import factories

KINDS = ["sqlite", "postgresql"]
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@contextmanager
def application(url: str, **environ: str) -> Iterator[Flask]:
    """An application of the test's own, inside its context; its connections close at the end."""
    app = create_app(factories.environment(url, **environ))
    with app.app_context():
        try:
            yield app
        finally:
            db.engine.dispose()


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
def empty_postgresql(server_url: str) -> Iterator[str]:
    """The URL of a new database on the server."""
    name = f"test_{uuid.uuid4().hex}"
    with postgresql(server_url) as connection:
        connection.autocommit = True
        connection.execute(f"CREATE DATABASE {name}")
        yield (
            sa.make_url(server_url)
            .set(drivername="postgresql", database=name)
            .render_as_string(hide_password=False)
        )
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements that the current application's engine runs meanwhile."""
    seen: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        seen.append(statement)

    with listening("before_cursor_execute", note):
        yield seen


@contextmanager
def listening(event: str, listener: Callable[..., Any]) -> Iterator[None]:
    engine = db.engine
    sa.event.listen(engine, event, listener)
    try:
        yield
    finally:
        sa.event.remove(engine, event, listener)
