"""A database that is out of reach, silent, full or read-only refuses for now, and soon."""

import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from service.database import Unavailable, db
from service.database.breaker import PAUSE
from service.store import associations
from tests.support import stored
from tests.support.broken_network import Line, line_to, silent_port
from tests.support.databases import (
    ON_POSTGRESQL,
    ON_SQLITE,
    application,
    in_context,
    migrate,
    postgresql,
    with_options,
)
from tests.support.stored import BY, ask, link
from tests.support.waiting import eventually

MANY = 100


def one() -> Any:
    return ask("SELECT 1")


def refused_after(app: Flask, act: Callable[[], object]) -> float:
    """How long it took to learn that the database is out of reach."""
    begin = time.monotonic()
    with app.app_context(), pytest.raises(Unavailable):
        act()
    return time.monotonic() - begin


def in_parallel(call: Callable[[int], float]) -> list[float]:
    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(call, range(MANY)))


@pytest.fixture
def silent() -> Iterator[Flask]:
    """An application whose PostgreSQL accepts connections and answers nothing."""
    with silent_port() as port, application(f"postgresql://u:p@127.0.0.1:{port}/x") as app:
        yield app


def test_a_server_that_accepts_and_never_answers_is_for_now(silent: Flask) -> None:
    assert refused_after(silent, one) < 2


def test_the_next_call_is_refused_at_once(silent: Flask) -> None:
    refused_after(silent, one)
    assert refused_after(silent, one) < 0.1


def test_after_a_rest_the_database_is_tried_again(silent: Flask) -> None:
    refused_after(silent, one)
    time.sleep(PAUSE)
    assert 0.5 < refused_after(silent, one) < 2


def test_a_hundred_parallel_calls_are_all_refused_in_time(silent: Flask) -> None:
    assert max(in_parallel(lambda _: refused_after(silent, one))) < 2


def test_parallel_calls_that_come_one_after_the_other_are_all_refused_in_time(
    silent: Flask,
) -> None:
    def call(number: int) -> float:
        time.sleep(number * 0.015)
        return refused_after(silent, one)

    assert max(in_parallel(call)) < 2


def test_several_silent_hosts_are_refused_in_time() -> None:
    with silent_port() as first, silent_port() as second:
        hosts = f"host=127.0.0.1,127.0.0.1,127.0.0.1&port={first},{second},{first}"
        with application(f"postgresql://u:p@/x?{hosts}") as app:
            assert refused_after(app, one) < 2


def test_a_closed_port_is_for_now() -> None:
    with silent_port() as port:
        pass
    with application(f"postgresql://u:p@127.0.0.1:{port}/x") as app:
        assert refused_after(app, one) < 1


@pytest.fixture
def migrated(postgresql_url: str) -> str:
    migrate(postgresql_url)
    return postgresql_url


@pytest.fixture
def line(migrated: str) -> Iterator[Line]:
    with line_to(migrated) as line:
        yield line


@pytest.fixture
def behind_the_line(line: Line) -> Iterator[Flask]:
    """An application with one open connection over the line."""
    with application(line.url) as app:
        one()
        yield app


def test_a_server_that_stops_answering_is_for_now(line: Line, behind_the_line: Flask) -> None:
    line.cut()
    assert refused_after(behind_the_line, one) < 2


def test_a_line_that_dies_in_the_middle_of_a_statement_is_for_now(
    line: Line, behind_the_line: Flask
) -> None:
    with ThreadPoolExecutor(1) as pool:
        sleeping = pool.submit(refused_after, behind_the_line, lambda: ask("SELECT pg_sleep(0.7)"))
        time.sleep(0.2)
        line.cut()
        assert 0.5 < sleeping.result(5) < 2


def test_a_line_that_dies_while_a_connection_is_prepared_is_for_now(line: Line) -> None:
    line.cut_before(b"select pg_catalog.version()")
    with application(line.url) as app:
        assert refused_after(app, one) < 2


def test_when_the_line_is_back_so_is_the_service_and_no_answer_goes_to_another_question(
    line: Line, behind_the_line: Flask
) -> None:
    line.cut()
    refused_after(behind_the_line, lambda: ask("SELECT 2"))
    # These take the number of the lost connection's socket, by which the pool would look at it.
    one_end, other_end = socket.socketpair()
    with one_end, other_end:
        line.mend()
        time.sleep(PAUSE)
        assert ask("SELECT 3") == 3


def test_parallel_calls_over_a_line_that_went_dead_are_all_refused_in_time(
    line: Line, behind_the_line: Flask
) -> None:
    line.cut()
    assert max(in_parallel(lambda _: refused_after(behind_the_line, one))) < 2


# a connection that the server ended


def backend() -> int:
    return int(ask("SELECT pg_backend_pid()"))


def terminate(url: str, processes: list[int]) -> None:
    with postgresql(url) as connection:
        connection.autocommit = True  # within a transaction the view below stands still
        connection.execute("SELECT pg_terminate_backend(p) FROM unnest(%s::int[]) p", [processes])
        left = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)"
        eventually(lambda: connection.execute(left, [processes]).fetchone() == (0,))


def test_a_connection_that_the_server_ended_is_replaced_without_an_error(migrated: str) -> None:
    with application(migrated):
        before = backend()
        terminate(migrated, [before])
        assert backend() != before


@ON_POSTGRESQL
def test_several_connections_that_the_server_ended_are_replaced_without_an_error(
    make_app: Callable[..., Flask], database_url: str
) -> None:
    with make_app(THREADS="4").app_context():
        held = [db.engine.connect() for _ in range(4)]
        processes = [int(each.scalar(sa.text("SELECT pg_backend_pid()")) or 0) for each in held]
        for each in held:
            each.close()
        terminate(database_url, processes)
        for number in range(8):
            assert link(ext_id=f"fb-{number}").is_new


def test_a_connection_that_is_fine_is_kept(migrated: str) -> None:
    with application(migrated):
        assert len({backend() for _ in range(5)}) == 1


def test_a_connection_that_the_server_ends_in_the_middle_is_for_now(migrated: str) -> None:
    with application(migrated) as app, ThreadPoolExecutor(1) as pool:
        process = pool.submit(in_context, app, backend).result(5)
        sleeping = pool.submit(refused_after, app, lambda: ask("SELECT pg_sleep(0.7)"))
        time.sleep(0.2)
        terminate(migrated, [process])
        assert sleeping.result(5) < 1
        assert one()  # an administrator's doing: no reason to rest


def test_the_answer_to_a_statement_that_was_broken_off_goes_to_nobody(migrated: str) -> None:
    def stop(*_: object) -> None:
        raise SystemExit  # as gunicorn does when a worker must go

    before = signal.signal(signal.SIGALRM, stop)
    try:
        with application(migrated):
            process = backend()
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(SystemExit):
                ask("SELECT 1 FROM pg_sleep(0.6)")
            assert ask("SELECT 2") == 2
            assert backend() != process
    finally:
        signal.signal(signal.SIGALRM, before)


# full, read-only, gone


def link_much(ext_id: str) -> None:
    link(ext_id=ext_id, profile_url="https://example.com/" + "x" * 1000, limit=1000)


def fill() -> None:
    for number in range(999):
        link_much(f"much-{number}")


@ON_SQLITE
def test_a_full_sqlite_is_for_now(make_app: Callable[..., Flask]) -> None:
    def limit(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # as many as there are

    with make_app().app_context():
        link(ext_id="fb-0")
        db.engine.dispose()
        sa.event.listen(db.engine, "connect", limit)
        with pytest.raises(Unavailable):
            fill()
        before = len(stored.rows())
        with pytest.raises(Unavailable):
            link_much("one-more")
        assert len(stored.rows()) == before
        associations.delete(7, "facebook", "fb-0", by=BY)


@ON_SQLITE
def test_a_read_only_sqlite_is_for_now_to_write_and_good_to_read(
    make_app: Callable[..., Flask],
) -> None:
    with make_app().app_context():
        link()
        db.engine.dispose()
        sa.event.listen(db.engine, "connect", lambda c, _: c.execute("PRAGMA query_only = ON"))
        with pytest.raises(Unavailable):
            link(ext_id="fb-2")
        assert associations.look_up("facebook", "fb-1")


@ON_POSTGRESQL
def test_a_read_only_postgresql_is_for_now_to_write_and_good_to_read(
    app: Flask, database_url: str
) -> None:
    with app.app_context():
        link()
    with application(with_options(database_url, default_transaction_read_only="on")):
        with pytest.raises(Unavailable):
            link(ext_id="fb-2")
        assert associations.look_up("facebook", "fb-1")


def test_a_sqlite_whose_folder_is_gone_is_for_now(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    with application(f"sqlite:///{folder}/social.db") as app:
        folder.rmdir()
        assert refused_after(app, one) < 1


@pytest.fixture
def at_its_limit(migrated: str) -> Iterator[str]:
    """The URL of a role that may have two connections."""
    with postgresql(migrated) as connection:
        connection.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 2")
        connection.commit()
        few = sa.make_url(migrated).set(username="few")
        yield few.render_as_string(hide_password=False)
        connection.execute("DROP ROLE few")


def test_beyond_the_servers_connection_limit_only_who_gets_none_is_refused(
    at_its_limit: str,
) -> None:
    with (
        application(at_its_limit) as app,
        ThreadPoolExecutor(1) as first,
        ThreadPoolExecutor(1) as second,
    ):
        holders = (first, second)
        for holder in holders:
            assert holder.submit(in_context, app, one).result(5)
        for _ in range(5):
            assert refused_after(app, one) < 1
            for holder in holders:
                assert holder.submit(in_context, app, one).result(5)


def test_who_got_no_connection_gets_one_when_there_is_one_again(at_its_limit: str) -> None:
    with application(at_its_limit) as app:
        with application(at_its_limit) as other, ThreadPoolExecutor(1) as first:
            first.submit(in_context, other, one).result(5)
            in_context(other, one)
            refused_after(app, one)
        time.sleep(PAUSE)
        assert one()
