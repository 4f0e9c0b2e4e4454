"""A database that is locked or in conflict refuses for now, and soon."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from psycopg import errors as pg

from service.database import RETRIES, Unavailable
from service.store import admins, associations
from tests.support import stored
from tests.support.databases import (
    ON_POSTGRESQL,
    ON_SQLITE,
    application,
    in_context,
    migrate,
    postgresql,
    sqlite,
    watching,
    with_options,
)
from tests.support.stored import BY, ask, link
from tests.support.waiting import eventually, within


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.fixture
def elsewhere(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection that holds what it locks until the test ends."""
    connection = postgresql(database_url)
    yield connection
    connection.rollback()
    connection.close()


@pytest.fixture
def sqlite_elsewhere(database_url: str) -> Iterator[sqlite3.Connection]:
    connection = sqlite(database_url)
    yield connection
    connection.close()


# locks


@ON_POSTGRESQL
def test_a_row_locked_elsewhere_is_for_now(elsewhere: psycopg.Connection[Any]) -> None:
    link()
    elsewhere.execute("SELECT * FROM social_association FOR UPDATE")
    with within(2), pytest.raises(Unavailable):
        associations.change(7, "facebook", "fb-1", {"show_in_profile": True}, by=BY)
    elsewhere.rollback()
    assert stored.row()["show_in_profile"] is False


@ON_POSTGRESQL
def test_a_table_locked_elsewhere_is_for_now(elsewhere: psycopg.Connection[Any]) -> None:
    elsewhere.execute("LOCK TABLE social_association")
    with within(2), pytest.raises(Unavailable):
        associations.list_of_user(7, with_hidden=True)


@ON_POSTGRESQL
def test_a_pair_that_somebody_is_about_to_take_is_for_now(
    elsewhere: psycopg.Connection[Any],
) -> None:
    elsewhere.execute(
        "INSERT INTO social_association VALUES ('facebook', 'fb-1', 8, NULL, FALSE, NULL,"
        " now(), now(), 8)"
    )
    with within(2), pytest.raises(Unavailable):
        link()


@ON_POSTGRESQL
def test_a_lock_spares_the_other_rows(elsewhere: psycopg.Connection[Any]) -> None:
    link()
    elsewhere.execute("SELECT * FROM social_association FOR UPDATE")
    with within(0.5):
        assert link(ext_id="fb-2").is_new


@ON_POSTGRESQL
def test_a_statement_that_takes_too_long_is_for_now() -> None:
    with within(2), pytest.raises(Unavailable):
        ask("SELECT pg_sleep(5)")


@ON_SQLITE
def test_on_a_locked_sqlite_writes_are_for_now_and_reads_go_on(
    sqlite_elsewhere: sqlite3.Connection,
) -> None:
    link()
    sqlite_elsewhere.execute("BEGIN EXCLUSIVE")
    with within(3), pytest.raises(Unavailable):
        link(ext_id="fb-2")
    with within(0.5):
        assert len(associations.list_of_user(7, with_hidden=True)) == 1
    sqlite_elsewhere.execute("ROLLBACK")
    assert link(ext_id="fb-2").is_new


@ON_SQLITE
def test_on_a_locked_sqlite_parallel_writes_are_all_for_now(
    app: Flask, sqlite_elsewhere: sqlite3.Connection
) -> None:
    link()

    def write(number: int) -> type[BaseException] | None:
        with app.app_context(), within(3):
            try:
                link(ext_id=f"fb-{number}")
            except Unavailable as error:
                return type(error)
        return None

    sqlite_elsewhere.execute("BEGIN EXCLUSIVE")
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(write, range(2, 10))) == {Unavailable}


@ON_SQLITE
def test_threads_that_are_the_first_on_a_new_sqlite_do_not_disturb_each_other(
    tmp_path: Path,
) -> None:
    threads = 8
    for number in range(5):
        url = f"sqlite:///{tmp_path}/{number}.db"
        migrate(url)
        with application(url) as app, ThreadPoolExecutor(threads) as pool:
            together = threading.Barrier(threads)

            def act(user_id: int, app: Flask = app, at: threading.Barrier = together) -> None:
                at.wait(5)
                with app.app_context():
                    admins.grant(user_id)

            list(pool.map(act, range(1, threads + 1)))
            assert len(admins.all_granted()) == threads


# conflicts


@contextmanager
def failing(error: type[psycopg.Error], *, times: int, after: float = 0) -> Iterator[list[str]]:
    """Let so many statements fail with this error, after so many seconds each.

    Gives the list of all that were tried.
    """

    def fail(*_: object) -> None:
        if len(tried) <= times:
            time.sleep(after)
            raise error("for a test")

    with watching(fail) as tried:
        yield tried


@ON_POSTGRESQL
@pytest.mark.parametrize("error", [pg.SerializationFailure, pg.DeadlockDetected])
def test_a_conflict_is_retried_three_times_and_then_for_now(error: type[psycopg.Error]) -> None:
    with failing(error, times=100) as tried, within(2), pytest.raises(Unavailable):
        link()
    assert RETRIES == 3
    assert len(tried) == 1 + RETRIES


@ON_POSTGRESQL
def test_slow_conflicts_are_given_up_in_time() -> None:
    """PostgreSQL takes a second to find out about a deadlock."""
    slow = failing(pg.DeadlockDetected, times=100, after=0.8)
    with slow, within(2), pytest.raises(Unavailable):
        link()


@ON_POSTGRESQL
@pytest.mark.parametrize("error", [pg.SerializationFailure, pg.DeadlockDetected])
@pytest.mark.parametrize("times", [1, 3])
def test_a_retry_that_succeeds_is_no_error(error: type[psycopg.Error], times: int) -> None:
    with failing(error, times=times):
        assert link().is_new


@ON_POSTGRESQL
@pytest.mark.parametrize(
    "error", [pg.QueryCanceled, pg.LockNotAvailable, pg.DiskFull, pg.ReadOnlySqlTransaction]
)
def test_what_is_no_conflict_is_not_retried(error: type[psycopg.Error]) -> None:
    with failing(error, times=100) as tried, pytest.raises(Unavailable):
        link()
    assert len(tried) == 1


@ON_POSTGRESQL
def test_a_real_conflict_is_retried(database_url: str, elsewhere: psycopg.Connection[Any]) -> None:
    """Under REPEATABLE READ a row that was changed meanwhile is 40001."""
    strict = with_options(database_url, default_transaction_isolation="repeatable\\ read")
    link()
    elsewhere.execute(
        "UPDATE social_association SET user_id = 7, profile_url = 'https://a.example'"
    )
    # The thread ends first: its connection must be back when the others are closed.
    with application(strict) as app, watching() as tried, ThreadPoolExecutor(1) as pool:
        process = pool.submit(in_context, app, lambda: ask("SELECT pg_backend_pid()")).result(5)
        changing = pool.submit(
            in_context,
            app,
            lambda: associations.change(7, "facebook", "fb-1", {"show_in_profile": True}, by=BY),
        )
        with postgresql(database_url) as watcher:
            watcher.autocommit = True  # within a transaction the view below stands still
            query = "SELECT wait_event_type FROM pg_stat_activity WHERE pid = %s"
            eventually(lambda: watcher.execute(query, [process]).fetchone() == ("Lock",))
        elsewhere.commit()
        row = changing.result(5)
    assert len(tried) == 1 + 2
    assert (row.profile_url, row.show_in_profile) == ("https://a.example", True)
