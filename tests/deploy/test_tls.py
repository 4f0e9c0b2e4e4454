"""With the other include it is HTTPS, and nothing else changes."""

import socket
import ssl
import warnings
from collections.abc import Iterator

import pytest

from tests.deploy import shape
from tests.deploy.stack import Place
from tests.deploy.upstream import Upstream
from tests.deploy.wire import Answer, answers, connect, read_to_end, request, send
from tests.support.factories import PATH


@pytest.fixture
def upstream(tls: Place) -> Iterator[Upstream]:
    with Upstream(tls.socket) as upstream:
        yield upstream


def send_tls(place: Place, sent: bytes, **settings: object) -> tuple[list[Answer], str | None]:
    context = ssl.create_default_context(cafile=str(place.tls_certificate))
    for name, value in settings.items():
        setattr(context, name, value)
    with (
        connect(place.port) as connection,
        context.wrap_socket(connection, server_hostname="localhost") as wrapped,
    ):
        wrapped.sendall(sent)
        return answers(read_to_end(wrapped)), wrapped.version()


def test_it_answers_over_tls(upstream: Upstream, tls: Place) -> None:
    [answer], version = send_tls(tls, request(PATH))
    assert (answer.status, version) == (200, "TLSv1.3")


def test_gunicorn_hears_that_it_was_https(upstream: Upstream, tls: Place) -> None:
    send_tls(tls, request(PATH, headers={"X-Forwarded-Proto": "http"}))
    assert upstream.headers()["x-forwarded-proto"] == ["https"]


def test_refusals_have_the_shape(tls: Place) -> None:
    [answer], _ = send_tls(tls, request("/metrics"))
    shape.check(answer, 404)


def test_plain_http_on_this_port_is_400(tls: Place) -> None:
    [answer] = send(tls.port, request(PATH))
    shape.check(answer, 400)


def test_old_tls_is_refused(tls: Place) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that is what it tests
        old = {"minimum_version": ssl.TLSVersion.TLSv1, "maximum_version": ssl.TLSVersion.TLSv1_1}
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            send_tls(tls, request(PATH), **old)


def test_a_plain_connection_that_says_nothing_is_no_tls_either(tls: Place) -> None:
    with socket.create_connection(("127.0.0.1", tls.port), 5) as connection:
        connection.sendall(b"\x00" * 64)
        assert b"200" not in read_to_end(connection)
