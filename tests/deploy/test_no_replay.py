"""What changes something is sent to gunicorn once, whatever becomes of it."""

import time
from contextlib import ExitStack

import pytest

from tests.deploy import shape
from tests.deploy.stack import Place
from tests.deploy.upstream import OK, Upstream
from tests.deploy.wire import answers, connect, read_to_end, request, send
from tests.support.factories import PATH

WRITES = ["POST", "PATCH", "DELETE"]


@pytest.mark.parametrize("method", WRITES)
def test_not_again_when_gunicorn_hangs_up(upstream: Upstream, alone: Place, method: str) -> None:
    upstream.answer = lambda _: None
    [answer] = send(alone.port, request(PATH, method, body=b"{}"))
    shape.check(answer, 502)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("method", WRITES)
def test_not_again_when_kept_connections_are_closed(
    upstream: Upstream, alone: Place, method: str
) -> None:
    for _ in range(8):  # connections that nginx keeps
        send(alone.port, request(PATH))
    upstream.requests.clear()
    upstream.answer = lambda _: None
    [answer] = send(alone.port, request(PATH, method, body=b"{}"))
    shape.check(answer, 502)
    assert len(upstream.requests) == 1


def test_not_again_when_gunicorn_gives_no_answer_in_10_s(upstream: Upstream, alone: Place) -> None:
    def answer_late(_: bytes) -> bytes:
        time.sleep(10.5)
        return OK

    upstream.answer = answer_late
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(alone.port)) for _ in WRITES]
        for connection, method in zip(connections, WRITES, strict=True):
            connection.sendall(request(PATH, method, body=b"{}"))
        for connection in connections:
            [answer] = answers(read_to_end(connection))
            shape.check(answer, 504)
    assert len(upstream.requests) == len(WRITES)


@pytest.mark.parametrize("method", WRITES)
def test_a_write_has_a_connection_of_its_own(upstream: Upstream, alone: Place, method: str) -> None:
    """So it can't meet one that is just being closed."""
    for _ in range(8):
        send(alone.port, request(PATH))
    before = upstream.connections
    for count in range(1, 4):
        [answer] = send(alone.port, request(PATH, method, body=b"{}"))
        assert answer.status == 200
        assert upstream.connections == before + count
        assert upstream.headers()["connection"] == ["close"]


def test_a_read_on_a_closed_kept_connection_is_tried_again(
    upstream: Upstream, alone: Place
) -> None:
    """A kept connection is closed under it: nobody sees that."""
    for _ in range(4):
        upstream.is_to_close_a_kept_one = True
        for _ in range(50):  # each of nginx's processes keeps connections of its own
            [got] = send(alone.port, request(PATH))
            assert got.status == 200
            if not upstream.is_to_close_a_kept_one:
                break
        assert not upstream.is_to_close_a_kept_one
