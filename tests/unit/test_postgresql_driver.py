"""What the time limits take for granted of psycopg, so that a failure says what it changed."""

import time
from concurrent.futures import ThreadPoolExecutor, wait

import psycopg
import pytest
import sqlalchemy as sa

from service.database.postgresql import TimedConnection, condition, has_hung_up
from service.database.timeouts import BUDGET, CONNECT_TIMEOUT, deadline
from tests.support.broken_network import line_to, silent_port
from tests.support.waiting import eventually


def connect(url: str) -> TimedConnection:
    plain = sa.make_url(url).set(drivername="postgresql")
    return TimedConnection.connect(plain.render_as_string(hide_password=False), autocommit=True)


ADDED = {"is_alone", "note"}


def test_psycopg_has_the_names_that_are_overridden_and_none_of_those_that_are_added() -> None:
    ours = {name for name in vars(TimedConnection) if not name.startswith("__")}
    assert ours > ADDED
    unknown = {name for name in ours if not hasattr(psycopg.Connection, name)}
    assert unknown == ADDED, "overriding what psycopg does not have limits nothing"


@pytest.mark.parametrize("end", [".", "?"])
def test_what_libpq_says_is_one_line_that_fits_into_a_sentence(end: str) -> None:
    """Its own words for a lost connection are two sentences on three lines."""
    said = f"server closed the connection\n\tThis probably means a crash\n\tor so{end}\n"
    assert condition(psycopg.OperationalError(said)) == (
        "server closed the connection This probably means a crash or so"
    )


def test_connecting_is_limited() -> None:
    begin = time.monotonic()
    with silent_port() as port, deadline, pytest.raises(psycopg.errors.ConnectionTimeout):
        connect(f"postgresql://u:p@127.0.0.1:{port}/x?sslmode=disable&gssencmode=disable")
    took = time.monotonic() - begin
    assert took >= CONNECT_TIMEOUT
    assert took < BUDGET, "psycopg does not connect through Connection._connect_gen any more"


def test_waiting_for_an_answer_is_limited_and_closes_the_connection(postgresql_url: str) -> None:
    def ask() -> None:
        with deadline:
            connection.execute("SELECT 1")

    with (
        line_to(postgresql_url) as line,
        connect(line.url) as connection,
        ThreadPoolExecutor(1) as pool,
    ):
        line.cut()
        asking = pool.submit(ask)
        done, _ = wait([asking], BUDGET)
        line.mend()
        assert done, "psycopg does not wait for answers in Connection.wait any more"
        with pytest.raises(psycopg.errors.ConnectionTimeout):
            asking.result()
        assert connection.closed


def test_a_connection_that_the_server_closed_is_seen(postgresql_url: str) -> None:
    with connect(postgresql_url) as ending, connect(postgresql_url) as other:
        assert not has_hung_up(ending)
        other.execute("SELECT pg_terminate_backend(%s)", [ending.info.backend_pid])
        eventually(lambda: has_hung_up(ending))
