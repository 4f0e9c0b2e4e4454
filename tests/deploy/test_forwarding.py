"""What nginx hands to gunicorn: each header once, and none that the client may not set."""

import re

import pytest

from tests.deploy.stack import Place
from tests.deploy.upstream import OK, Upstream
from tests.deploy.wire import request, send
from tests.support.factories import PATH

LIES = {
    "X-Forwarded-For": "10.9.8.7",
    "X-Real-IP": "10.9.8.7",
    "X-Forwarded-Host": "evil.example.org",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "444",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Protocol": "ssl",
    "X-Forwarded-Ssl": "on",
    "Forwarded": "for=10.9.8.7;proto=https",
}
TRUE = {
    "x-forwarded-for": ["127.0.0.9"],
    "x-real-ip": ["127.0.0.9"],
    "x-forwarded-host": ["api.example.org"],
    "x-forwarded-proto": ["http"],
}


def test_forwarded_headers_are_overwritten(upstream: Upstream, alone: Place) -> None:
    send(alone.port, request(PATH, headers=LIES), address="127.0.0.9")
    sent = upstream.headers()
    assert {name: sent.get(name.lower()) for name in LIES} == {
        name: TRUE.get(name.lower()) for name in LIES
    }


def test_headers_that_would_read_as_another_are_dropped(upstream: Upstream, alone: Place) -> None:
    send(alone.port, request(PATH, headers={"X_Forwarded_For": "10.9.8.7", "SCRIPT_NAME": "/x"}))
    assert not upstream.headers().keys() & {"x_forwarded_for", "script_name"}


def test_everything_else_is_passed_on(upstream: Upstream, alone: Place) -> None:
    headers = {"Authorization": "Bearer a.b.c", "Accept": "application/json", "Origin": "https://a"}
    send(alone.port, request(f"{PATH}?a=%20b", "PATCH", headers, b'{"a": 1}'))
    sent = upstream.headers()
    assert upstream.requests[0].startswith(f"PATCH {PATH}?a=%20b HTTP/1.1\r\n".encode())
    assert upstream.requests[0].endswith(b'{"a": 1}')
    assert {name: sent[name.lower()] for name in headers} == {k: [v] for k, v in headers.items()}
    assert sent["content-length"] == ["8"]


def test_a_body_of_unknown_length_arrives_with_its_length(upstream: Upstream, alone: Place) -> None:
    chunks = b'2\r\n{"\r\n3;ext=1\r\na":\r\n3\r\n 1}\r\n0\r\nTrailer: x\r\n\r\n'
    send(alone.port, request(PATH, "POST", {"Transfer-Encoding": "chunked"}), chunks)
    assert upstream.requests[0].endswith(b'\r\n\r\n{"a": 1}')
    assert upstream.headers()["content-length"] == ["8"]
    assert "transfer-encoding" not in upstream.headers()


def test_reads_share_a_connection_to_gunicorn(upstream: Upstream, alone: Place) -> None:
    # Each of nginx' processes keeps its own.
    for _ in range(20):
        send(alone.port, request(PATH))
    assert upstream.connections < 10


@pytest.mark.parametrize("given", ["a", "A-b.c_9", "x" * 128])
def test_a_sane_request_id_is_passed_on_and_comes_back(
    upstream: Upstream, alone: Place, given: str
) -> None:
    [answer] = send(alone.port, request(PATH, headers={"X-Request-ID": given}))
    assert upstream.headers()["x-request-id"] == [given]
    assert answer.header("X-Request-ID") == given


@pytest.mark.parametrize("given", ["", "x" * 129, "a b", "a\tb", 'a"b', "ä", "a,b", "<a>"])
def test_an_insane_request_id_is_replaced(upstream: Upstream, alone: Place, given: str) -> None:
    [answer] = send(alone.port, request(PATH, headers={"X-Request-ID": given}))
    [made] = upstream.headers()["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert answer.header("X-Request-ID") == made


def test_of_two_request_ids_one_arrives(upstream: Upstream, alone: Place) -> None:
    head = f"GET {PATH} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
    [answer] = send(alone.port, f"{head}X-Request-ID: a\r\nX-Request-ID: b\r\n\r\n".encode())
    [passed] = upstream.headers()["x-request-id"]
    assert answer.header("X-Request-ID") == passed


def test_the_service_s_headers_come_once(upstream: Upstream, alone: Place) -> None:
    ours = b"X-Request-ID: other\r\nX-Content-Type-Options: nosniff\r\nCache-Control: max-age=9\r\n"
    upstream.answer = lambda _: OK.replace(b"\r\n", b"\r\n" + ours, 1)
    [answer] = send(alone.port, request(PATH, headers={"X-Request-ID": "mine"}))
    assert answer.header("X-Request-ID") == "mine"
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert answer.header("Cache-Control") == "max-age=9"


def test_the_request_id_is_the_same_in_both_logs(port: int, address: str, place: Place) -> None:
    send(port, request(f"{PATH}?user_id=7", headers={"X-Request-ID": "in-both"}), address=address)
    assert '"request_id":"in-both"' in place.access_log.read_text()
    assert '"request_id":"in-both"' in place.service_log.read_text()
