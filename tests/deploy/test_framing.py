"""Requests whose end can be read in two ways: never is a second one let through."""

import pytest

from tests.deploy import shape
from tests.deploy.stack import Place
from tests.deploy.upstream import Upstream
from tests.deploy.wire import send
from tests.support.factories import PATH

HIDDEN = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
REFUSED = {
    "length and coding": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "twice the same length": b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
    "a list of lengths": b"Content-Length: 4, 4\r\n\r\nabcd",
    "a signed length": b"Content-Length: +4\r\n\r\nabcd",
    "a negative length": b"Content-Length: -4\r\n\r\nabcd",
    "a hexadecimal length": b"Content-Length: 0x4\r\n\r\nabcd",
    "an endless length": b"Content-Length: 99999999999999999999\r\n\r\nabcd",
    "two codings": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "twice chunked": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding before a colon": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a bad chunk size": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n0\r\n\r\n",
    "a signed chunk size": b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n0\r\n\r\n",
    "a huge chunk size": b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n\r\n",
    "a chunk over its size": b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n",
    "a folded header": b"X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: +1\r\n\r\na",
    "a bare carriage return": b"X: a\rContent-Length: 4\r\n\r\n",
    "a zero byte": b"X: a\x00b\r\nContent-Length: 4\r\n\r\nabcd",
}


@pytest.mark.parametrize("rest", REFUSED.values(), ids=REFUSED.keys())
def test_ambiguous_framing_is_refused(upstream: Upstream, alone: Place, rest: bytes) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n".encode()
    [answer] = send(alone.port, head + rest + HIDDEN)
    assert answer.status in (400, 413, 501)
    shape.check(answer, answer.status)
    assert upstream.requests == []


def test_what_follows_a_whole_request_is_a_request_of_its_own(
    upstream: Upstream, alone: Place
) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd".encode()
    last = b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    first, second = send(alone.port, head + last)
    assert first.status == 200
    shape.check(second, 404)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    "name", ["Transfer_Encoding", "Transfer-Encoding\x0b", " Transfer-Encoding", "content_length"]
)
def test_a_header_that_only_resembles_one_of_framing_counts_for_nothing(
    upstream: Upstream, alone: Place, name: str
) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nConnection: close\r\n"
    answers = send(alone.port, f"{head}{name}: chunked\r\n\r\nabcd".encode() + HIDDEN)
    assert len(answers) == 1
    if answers[0].status != 200:
        shape.check(answers[0], 400)
    for request in upstream.requests:
        assert request.endswith(b"\r\n\r\nabcd")
        assert b"chunked" not in request


def test_an_upgrade_is_not_passed_on(upstream: Upstream, alone: Place) -> None:
    head = f"GET {PATH} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    upgrade = "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
    with pytest.raises(TimeoutError):  # the connection stays open, for HTTP/1.1
        send(alone.port, (head + upgrade).encode(), timeout=1)
    assert "upgrade" not in upstream.headers()
    assert upstream.headers().get("connection", [""]) == [""]
