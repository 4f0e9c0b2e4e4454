"""Slow clients hold neither gunicorn's workers nor other clients, and are cut off."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.deploy.stack import Place
from tests.deploy.upstream import Upstream
from tests.deploy.wire import answers, connect, read_to_end, request, send
from tests.support.factories import PATH, as_user

STALLED = 200


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]


def how_long(port: int, address: str) -> float:
    started = time.monotonic()
    [answer] = send(port, request(f"{PATH}?user_id=7", headers=as_user(7)), address=address)
    assert answer.status == 200
    return time.monotonic() - started


@pytest.fixture
def crowd() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("who", ["one address", "the good client's own address"])
def test_stalled_bodies_hold_up_nobody(port: int, address: str, crowd: ExitStack, who: str) -> None:
    slow = address if who != "one address" else "127.0.8.1"
    head = request(PATH, "POST", as_user(7) | {"Content-Length": "1000"}, last=False)
    for _ in range(STALLED):
        crowd.enter_context(connect(port, slow)).sendall(head + b'{"user_id"')
    times = [how_long(port, address) for _ in range(100)]
    assert percentile(times, 0.99) <= 1


def test_stalled_headers_hold_up_nobody(port: int, address: str, crowd: ExitStack) -> None:
    for _ in range(STALLED):
        crowd.enter_context(connect(port, address)).sendall(b"GET /api/v2/docs HTTP/1.1\r\nHo")
    assert percentile([how_long(port, address) for _ in range(100)], 0.99) <= 1


def test_clients_that_do_not_read_hold_up_nobody(port: int, address: str, crowd: ExitStack) -> None:
    for _ in range(50):
        script = request("/api/v2/docs/swagger-ui-bundle.js", last=False)
        crowd.enter_context(connect(port, address)).sendall(script)
    assert percentile([how_long(port, address) for _ in range(100)], 0.99) <= 1


def test_gunicorn_hears_of_a_request_when_it_is_whole(upstream: Upstream, alone: Place) -> None:
    with connect(alone.port) as connection:
        head = request(PATH, "POST", {"Content-Length": "4"})
        connection.sendall(head + b"ab")
        time.sleep(1)
        assert upstream.connections == 0
        connection.sendall(b"cd")
        [answer] = answers(read_to_end(connection))
    assert answer.status == 200
    assert upstream.requests[0].endswith(b"abcd")


def test_who_sends_nothing_for_10_s_is_cut_off(alone: Place, crowd: ExitStack) -> None:
    begun = [
        b"",
        b"GET /api/ HTTP/1.1\r\nHost: a\r\nX-",
        request(PATH, "POST", {"Content-Length": "9", "X-Request-ID": "cut-off"}) + b"{",
    ]
    connections = [crowd.enter_context(connect(alone.port)) for _ in begun]
    started = time.monotonic()
    for connection, sent in zip(connections, begun, strict=True):
        connection.sendall(sent)
    for connection in connections:
        assert read_to_end(connection) == b""  # nginx sends no answer then
        assert 8 < time.monotonic() - started < 15
    log = alone.access_log.read_text().splitlines()
    [line] = [line for line in log if '"request_id":"cut-off"' in line]
    assert '"status":"408"' in line


def test_headers_must_be_there_in_10_s_however_they_drip(alone: Place) -> None:
    with connect(alone.port, timeout=1) as connection:
        connection.sendall(b"GET /api/ HTTP/1.1\r\nX: ")
        started = time.monotonic()
        while time.monotonic() - started < 20:
            try:
                connection.sendall(b"a")
                if connection.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                break
        assert time.monotonic() - started < 15
