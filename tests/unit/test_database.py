"""What the database promises the store: settings, and which errors aren't "for now"."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from service import database
from service.database import Unavailable, db
from tests.support.databases import ON_POSTGRESQL, ON_SQLITE, application, with_options
from tests.support.stored import ask
from tests.support.waiting import within

DRIVER_ERRORS = (psycopg.Error, sqlite3.Error)


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


# settings


@ON_SQLITE
@pytest.mark.parametrize(
    ("pragma", "expected"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 800)],
)
def test_on_sqlite_what_is_acknowledged_is_safe(pragma: str, expected: object) -> None:
    assert ask(f"PRAGMA {pragma}") == expected


@ON_SQLITE
def test_on_sqlite_every_connection_has_these_settings() -> None:
    with db.engine.connect() as first, db.engine.connect() as second:
        for connection in (first, second):
            assert connection.execute(sa.text("PRAGMA synchronous")).scalar() == 2


@ON_SQLITE
def test_on_sqlite_a_statement_waits_for_a_lock_but_not_for_long() -> None:
    assert 500 <= ask("PRAGMA busy_timeout") < 2000


def milliseconds(setting: str) -> int:
    return int(ask(f"SELECT setting FROM pg_settings WHERE name = '{setting}'"))


@ON_POSTGRESQL
def test_on_postgresql_no_lock_and_no_statement_takes_long() -> None:
    assert 500 <= milliseconds("lock_timeout") < milliseconds("statement_timeout") < 2000


@ON_POSTGRESQL
def test_the_operators_own_options_win_and_the_others_stay(database_url: str) -> None:
    lock_timeout = milliseconds("lock_timeout")
    with application(with_options(database_url, statement_timeout="77", work_mem="1MB")):
        assert milliseconds("statement_timeout") == 77
        assert milliseconds("lock_timeout") == lock_timeout
        assert ask("SHOW work_mem") == "1MB"


def test_each_statement_is_a_transaction_of_its_own() -> None:
    with db.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        is_autocommit = getattr(driver, "autocommit", None) or driver.isolation_level is None
    assert is_autocommit


def test_a_thread_keeps_its_connection(make_app: Callable[..., Flask]) -> None:
    with make_app().app_context():
        for _ in range(5):
            ask("SELECT 1")
        assert db.engine.pool.checkedout() == 1  # type: ignore[attr-defined]


def test_the_connection_of_a_thread_that_ended_returns_to_the_pool(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()

    def use() -> None:
        with app.app_context():
            ask("SELECT 1")

    for _ in range(3):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    with app.app_context():
        pool: Any = db.engine.pool
        assert (pool.checkedout(), pool.checkedin()) == (0, 1)


def test_more_threads_than_were_declared_wait_for_nobody(make_app: Callable[..., Flask]) -> None:
    with (
        make_app(THREADS="2").app_context(),
        db.engine.connect(),
        db.engine.connect(),
        within(0.5),
    ):
        assert ask("SELECT 1") == 1


# mistakes


@pytest.mark.parametrize("sql", ["SELECT nonsense", "SELEC 1", "SELECT * FROM nowhere"])
def test_a_mistake_in_sql_is_not_for_now(sql: str) -> None:
    with pytest.raises(DRIVER_ERRORS):
        ask(sql)


def test_a_mistake_does_not_spoil_the_next_statement() -> None:
    for _ in range(20):  # more than there are connections
        with pytest.raises(DRIVER_ERRORS):
            ask("SELECT nonsense")
    assert ask("SELECT 1") == 1


def test_a_broken_constraint_is_not_for_now() -> None:
    with pytest.raises((psycopg.IntegrityError, sqlite3.IntegrityError)):
        ask("INSERT INTO admin_grant VALUES (0, CURRENT_TIMESTAMP)")


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "social.db").write_bytes(b"no database " * 1000)
    url = f"sqlite:///{tmp_path}/social.db"
    with application(url), pytest.raises(Unavailable, match="SQLITE_NOTADB"):
        ask("SELECT 1")


def test_whatever_goes_wrong_with_the_check_is_unavailable(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shortcoming(_: object) -> str:
        raise sqlite3.InterfaceError("of no kind that is foreseen")

    monkeypatch.setattr(database.migration, "shortcoming", shortcoming)
    with app.app_context(), pytest.raises(Unavailable, match="InterfaceError"):
        database.check()
