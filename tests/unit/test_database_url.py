"""What DATABASE_URL may be besides what SQLAlchemy knows: several hosts, and no unknown words."""

import socket
import time

import pytest
import sqlalchemy as sa
from flask import Flask

from service import create_app
from service.config import ConfigError
from service.database import db, execute
from service.database.statements import Statement
from tests.support import factories


def start(url: str) -> Flask:
    return create_app(factories.environment(url))


def refusal(url: str) -> str:
    """The sentence that stops the start."""
    with pytest.raises(ConfigError) as caught:
        start(url)
    return str(caught.value)


def connect_arguments(app: Flask) -> dict[str, str]:
    """What the URL hands to the driver."""
    with app.app_context():
        arguments: dict[str, str] = db.engine.dialect.create_connect_args(db.engine.url)[1]
    return arguments


HOSTS = [
    ("someone@one:1,two:2/social", "one,two", "1,2"),
    ("someone:x%2Cy@one:1,two:2/social", "one,two", "1,2"),
    ("someone@one,two:2/social", "one,two", ",2"),
    ("someone@one:1,two/social", "one,two", "1,"),
    ("someone@[::1]:1,[::2]:2/social", "::1,::2", "1,2"),
    ("someone@%2Ftmp%2Fa,%2Ftmp%2Fb:2/social", "/tmp/a,/tmp/b", ",2"),
    ("someone@/social?host=one:1&host=two:2", "one,two", "1,2"),
    ("someone@/social?host=one,two&port=1,2", "one,two", "1,2"),
]


@pytest.mark.parametrize(("rest", "hosts", "ports"), HOSTS)
def test_a_database_url_may_name_several_hosts(rest: str, hosts: str, ports: str) -> None:
    found = connect_arguments(start(f"postgresql://{rest}"))
    assert (found["host"], found["port"]) == (hosts, ports)
    assert (found["user"], found["dbname"]) == ("someone", "social")


def test_several_hosts_may_share_parameters() -> None:
    app = start("postgresql://someone@one,two/social?target_session_attrs=read-write")
    assert connect_arguments(app)["target_session_attrs"] == "read-write"


@pytest.mark.parametrize("hosts", ["one", "one:1,two:2"])
@pytest.mark.parametrize("name", ["schema", "pgbouncer", "prepare_threshold", "autocommit"])
def test_a_parameter_that_postgresql_does_not_know_is_named(hosts: str, name: str) -> None:
    url = f"postgresql://someone:hunter2@{hosts}/social?sslmode=disable&{name}=secret1"
    sentence = refusal(url)
    assert f"DATABASE_URL has the parameter {name!r}" in sentence
    assert "hunter2" not in sentence
    assert "secret1" not in sentence


def test_a_parameter_that_stands_twice_stops_the_start() -> None:
    url = "postgresql://someone@one/social?sslmode=disable&sslmode=require"
    assert "'sslmode' twice" in refusal(url)


def with_host_before(url: str, host: str) -> str:
    """The URL of a server with another host before its own."""
    there = sa.make_url(url)
    user = f"{there.username}:{there.password}" if there.password else there.username
    place = str(there.host or there.query["host"]).replace("/", "%2F")
    return f"postgresql://{user}@{host},{place}:{there.port or 5432}/{there.database}"


def answers_in_time(url: str) -> None:
    app = start(f"{url}?target_session_attrs=read-write")
    with app.app_context():
        try:
            began = time.monotonic()
            assert execute(Statement(sa.select(sa.literal(1).label("one")))) == [(1,)]
            assert time.monotonic() - began < 2
        finally:
            db.engine.dispose()


def test_a_host_that_refuses_is_passed_over(postgresql_url: str) -> None:
    answers_in_time(with_host_before(postgresql_url, "127.0.0.1:1"))


def test_a_host_that_says_nothing_is_passed_over(postgresql_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        answers_in_time(with_host_before(postgresql_url, f"127.0.0.1:{port}"))


def test_an_at_sign_in_a_password_is_no_part_of_the_host() -> None:
    sentence = refusal("postgresql://someone:hun@ter2@one/social")
    assert "has an @ in its user or password; write it as %40" in sentence
    assert "ter2" not in sentence


def test_a_comma_in_a_password_makes_no_second_host() -> None:
    found = connect_arguments(start("postgresql://someone:x,y@one/social"))
    assert (found["password"], found["host"]) == ("x,y", "one")


def test_options_may_stand_twice() -> None:
    assert start("postgresql://someone@one/social?options=-c%20a%3D1&options=-c%20b%3D2")
