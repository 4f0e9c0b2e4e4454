"""`flask associations import` beside others who write."""

import re
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from service.database import apart
from service.store import associations, bulk
from tests.support import stored
from tests.support.bulk import Run, counts, lines, runs
from tests.support.databases import ON_POSTGRESQL, ON_SQLITE, a_writer
from tests.support.factories import external, facebook
from tests.support.stored import BY, link


@pytest.fixture
def run(app: Flask, runner: FlaskCliRunner) -> Iterator[Run]:
    with app.app_context():
        yield runs(runner)


@pytest.fixture
def deletes(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Deletes the pair, so many times, between the refusal and the look at what is there."""
    look = bulk._all_stored

    def arrange(times: int) -> None:
        def delete_first(on: apart.Connection) -> Any:
            nonlocal times
            if not times:
                return look(on)
            times -= 1
            with app.app_context():
                associations.delete(8, "facebook", "fb-1", by=BY)
                found = look(on)
                if times:
                    link(user_id=8)
            return found

        monkeypatch.setattr(bulk, "_all_stored", delete_first)

    return arrange


@ON_POSTGRESQL
def test_a_pair_that_was_deleted_in_between_is_made_after_all(
    run: Run, deletes: Callable[[int], None]
) -> None:
    link(user_id=8)
    deletes(1)
    assert counts(run(lines(facebook(), external()))) == {"created": 2}


@ON_POSTGRESQL
def test_a_pair_that_comes_and_goes_for_ever_ends_it(
    run: Run, deletes: Callable[[int], None]
) -> None:
    link(user_id=8)
    deletes(3)
    result = run(lines(facebook()))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "created and deleted over and over" in result.stderr


def test_it_waits_for_other_writers(run: Run, database_url: str) -> None:
    with a_writer(database_url) as writer, ThreadPoolExecutor() as threads:
        done = threads.submit(run, lines(facebook()))
        with pytest.raises(TimeoutError):
            done.result(0.7)  # longer than its wait for one lock
        writer.rollback()
        assert counts(done.result()) == {"created": 1}


def test_it_ends_when_they_never_end(
    run: Run, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apart, "PATIENCE", 0.1)
    with a_writer(database_url):
        result = run(lines(facebook()))
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.search("can't do this for now: (LockNotAvailable|SQLITE_BUSY)", result.stderr)


@ON_POSTGRESQL
def test_two_imports_don_t_wait_for_each_other_in_a_circle(app: Flask) -> None:
    new = [bulk.New(stored.association(ext_id=f"fb-{n}")) for n in range(3000)]
    together = threading.Barrier(2)

    def create_all(order: list[bulk.New]) -> list[str]:
        with app.app_context(), apart.connection() as on:
            # A deadlock would be tried again; here it is an error.
            on.patiently = lambda work: work()  # type: ignore[method-assign]
            together.wait(10)
            return bulk.create_all(on, order, by=BY)

    with ThreadPoolExecutor() as threads:
        found = [*threads.map(create_all, [new, new[::-1]])]
    assert Counter(chain(*found)) == {"created": 3000, "unchanged": 3000}


@ON_SQLITE
def test_half_of_the_time_is_left_to_sqlite_s_other_writers(app: Flask) -> None:
    with app.app_context(), apart.connection() as on:
        begin = time.monotonic()
        with on.transaction():
            while (taken := time.monotonic() - begin) < 0.05:
                pass
        assert time.monotonic() - begin >= 2 * taken


def test_a_mistake_in_a_statement_stays_one(app: Flask) -> None:
    with app.app_context(), pytest.raises((psycopg.Error, sqlite3.Error)), apart.connection() as on:
        on.script("SELEKT")
