"""What becomes of an application that fails, of a client that goes away, of an old worker."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.answering import PART
from tests.support.gunicorn import Server, serving
from tests.support.http import request
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(
        tmp_path_factory.mktemp("answers"), app="tests.support.answering:app", WEB_CONCURRENCY="1"
    ) as server:
        yield server


def all_of(server: Server, sent: bytes) -> bytes:
    """Everything that comes until the server closes."""
    with server.connect() as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_an_application_that_fails_before_its_answer_is_500(server: Server) -> None:
    answer = server.get("/before")
    assert (answer.status, answer.json()["status"]) == (500, 500)
    assert b"hunter2" not in answer.body


def test_an_application_that_fails_in_the_middle_ends_the_connection(server: Server) -> None:
    twice = request("GET", "/middle", headers={}) + request("GET", "/healthz", headers={})
    received = all_of(server, twice)
    # Neither the missing half nor another answer in its place.
    assert received.count(b"HTTP/1.1") == 1
    assert received.endswith(b"\r\n\r\n" + PART)
    assert [line for line in server.lines() if line["level"] == "ERROR"]
    assert "hunter2" not in server.output()


def test_a_client_that_goes_away_in_the_middle_is_no_error(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(request("GET", "/large", headers={}))
        connection.recv(1)
    assert server.get("/healthz").status == 200
    assert not [line for line in server.lines() if "socket" in line["event"].lower()]


def test_a_worker_that_has_served_long_is_replaced_and_no_request_fails(tmp_path: Path) -> None:
    with serving(
        tmp_path,
        app="tests.support.answering:app",
        WEB_CONCURRENCY="1",
        GUNICORN_CMD_ARGS="--max-requests 7 --max-requests-jitter 0",
    ) as replaced:
        before = replaced.workers()
        answers = [replaced.get("/healthz") for _ in range(20)]
        assert {answer.status for answer in answers} == {200}
        # The last one of a worker says good-bye to its connection.
        assert "close" in {answer.headers["connection"] for answer in answers}
        eventually(lambda: replaced.workers() and replaced.workers() != before)
