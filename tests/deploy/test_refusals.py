"""nginx's own refusals have the one shape."""

import json
import re
from collections.abc import Iterator

import pytest

from service.web import errors
from tests.deploy import shape
from tests.deploy.conftest import nginx, prefix
from tests.deploy.stack import DEPLOY, Nginx, Place
from tests.deploy.upstream import Upstream
from tests.deploy.wire import Answer, connect, read_to_end, request, send
from tests.support.factories import PATH, as_user, facebook

ORIGIN = "https://www.example.org"
MALFORMED = {
    "no request line": b"\x16\x03\x01 hello\r\n\r\n",
    "no host": f"GET {PATH} HTTP/1.1\r\nConnection: close\r\n\r\n".encode(),
    "two hosts": f"GET {PATH} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".encode(),
    "a bad host": f"GET {PATH} HTTP/1.1\r\nHost: a/b\r\n\r\n".encode(),
    "a bad escape": b"GET /api/%zz HTTP/1.1\r\nHost: a\r\n\r\n",
    "above the root": b"GET /../api/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "a control character": b"GET /api/\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
    "a lower-case method": f"get {PATH} HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_http_is_400(alone: Place, sent: bytes) -> None:
    [answer] = send(alone.port, sent)
    shape.check(answer, 400)


@pytest.mark.parametrize("target", ["/", "/apis/", "/refusal", "/index.html", "/api"])
def test_what_is_not_served_is_404(alone: Place, target: str) -> None:
    [answer] = send(alone.port, request(target))
    shape.check(answer, 404)


def test_a_refused_post_is_404_as_well(alone: Place) -> None:
    [answer] = send(alone.port, request("/other", "POST", body=b"{}"))
    shape.check(answer, 404)


def test_a_refused_head_has_the_headers_and_no_body(alone: Place) -> None:
    with connect(alone.port) as connection:
        connection.sendall(request("/other", "HEAD"))
        head, _, body = read_to_end(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404")
    assert b"application/problem+json" in head
    assert body == b""


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_methods_that_nginx_refuses_are_405_with_allow(alone: Place, method: str) -> None:
    [answer] = send(alone.port, request(PATH, method))
    shape.check(answer, 405)


def test_a_declared_body_over_64_kib_is_413_before_it_is_sent(alone: Place) -> None:
    [answer] = send(alone.port, request(PATH, "POST", {"Content-Length": "65537"}))
    shape.check(answer, 413)


def test_a_body_over_64_kib_is_413_although_it_did_not_say_so(alone: Place) -> None:
    chunks = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    head = request(PATH, "POST", {"Transfer-Encoding": "chunked"})
    [answer] = send(alone.port, head, chunks, chunks, b"1\r\n \r\n0\r\n\r\n")
    shape.check(answer, 413)


def test_a_body_of_64_kib_passes(upstream: Upstream, alone: Place) -> None:
    [answer] = send(alone.port, request(PATH, "POST", body=b" " * 65_536))
    assert answer.status == 200
    assert upstream.requests[0].endswith(b"\r\n\r\n" + b" " * 65_536)


def test_a_target_over_8_kib_is_414(alone: Place) -> None:
    [answer] = send(alone.port, request(f"{PATH}?provider={'a' * 8192}"))
    shape.check(answer, 414)


def test_a_target_of_8000_bytes_reaches_the_service(port: int, address: str) -> None:
    target = f"{PATH}?user_id=7&x="
    [answer] = send(port, request(target + "a" * (8000 - len(target))), address=address)
    assert answer.status == 400
    assert answer.json()["errors"][0]["field"] == "x"


def test_a_header_over_8_kib_is_431(alone: Place) -> None:
    [answer] = send(alone.port, request(PATH, headers={"X-Long": "a" * 8192}))
    shape.check(answer, 431)


def test_headers_over_32_kib_together_are_431(alone: Place) -> None:
    headers = {f"X-Long-{i}": "a" * 7000 for i in range(5)}
    [answer] = send(alone.port, request(PATH, headers=headers))
    shape.check(answer, 431)


def test_too_many_headers_are_431(port: int, address: str) -> None:
    headers = {f"X-{i}": "a" for i in range(100)}
    [answer] = send(port, request(PATH, headers=headers), address=address)
    shape.check(answer, 431)


def test_an_unknown_transfer_coding_is_501(alone: Place) -> None:
    [answer] = send(alone.port, request(PATH, "POST", {"Transfer-Encoding": "gzip"}))
    shape.check(answer, 501)


def test_another_version_of_http_is_505(alone: Place) -> None:
    [answer] = send(alone.port, f"GET {PATH} HTTP/3.0\r\nHost: a\r\n\r\n".encode())
    shape.check(answer, 505)


def test_without_gunicorn_it_is_502(alone: Place, address: str) -> None:
    [answer] = send(alone.port, request(PATH), address=address)
    shape.check(answer, 502)


def test_no_answer_from_gunicorn_is_502(upstream: Upstream, alone: Place) -> None:
    upstream.answer = lambda _: None
    [answer] = send(alone.port, request(PATH, "POST", body=b"{}"))
    shape.check(answer, 502)


def test_the_service_s_503_keeps_its_own_retry_after(upstream: Upstream, alone: Place) -> None:
    upstream.answer = lambda _: (
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
        b"Retry-After: 17\r\nContent-Length: 2\r\n\r\n{}"
    )
    [answer] = send(alone.port, request(PATH))
    assert answer.status == 503
    assert answer.header("Retry-After") == "17"
    assert answer.body == b"{}"


def test_the_service_s_405_keeps_its_own_allow(port: int, address: str) -> None:
    [answer] = send(port, request(PATH, "PUT", as_user(7), b"{}"), address=address)
    shape.check(answer, 405)
    assert set((answer.header("Allow") or "").split(", ")) >= {"GET", "POST", "PATCH", "DELETE"}


def test_a_request_goes_all_the_way(port: int, address: str) -> None:
    body = json.dumps(facebook(ext_id="all-the-way")).encode()
    [created] = send(port, request(PATH, "POST", as_user(7), body), address=address)
    assert created.status == 201
    target = f"{PATH}?provider=facebook&ext_id=all-the-way&user_id=7"
    [deleted] = send(port, request(target, "DELETE", as_user(7)), address=address)
    assert deleted.status == 204
    assert deleted.header("Content-Type") is None


@pytest.fixture(scope="module")
def listing() -> Iterator[Place]:
    """nginx alone, with the example of an origin switched on."""
    with prefix() as directory:
        place = Place(directory)
        file = directory / "etc/nginx/nginx.conf"
        file.write_text(file.read_text().replace(f"#{ORIGIN} ", f"{ORIGIN} "))
        with nginx(place):
            yield place


def allowed(answer: Answer) -> tuple[str | None, str | None]:
    return tuple(answer.header(f"Access-Control-{n}") for n in ("Allow-Origin", "Expose-Headers"))


def test_a_page_of_a_listed_origin_may_read_what_nginx_refuses(listing: Place) -> None:
    [answer] = send(listing.port, request(PATH, headers={"Origin": ORIGIN}))
    shape.check(answer, 502)
    assert allowed(answer) == (ORIGIN, "X-Request-ID, Retry-After")


@pytest.mark.parametrize("headers", [{}, {"Origin": f"{ORIGIN}.example"}, {"Origin": "null"}])
def test_no_other_page_may(listing: Place, headers: dict[str, str]) -> None:
    [answer] = send(listing.port, request(PATH, headers=headers))
    assert allowed(answer) == (None, None)


def test_whom_the_service_does_not_allow_nginx_does_not(listing: Place) -> None:
    with Upstream(listing.socket) as upstream:
        upstream.answer = lambda _: (
            b"HTTP/1.1 403 Forbidden\r\nX-Request-ID: a\r\nContent-Length: 0\r\n\r\n"
        )
        [answer] = send(listing.port, request(PATH, headers={"Origin": ORIGIN}))
    assert (answer.status, allowed(answer)) == (403, (None, None))


@pytest.mark.parametrize("name", ["docs", "docs/swagger-ui.css", "openapi.json"])
def test_the_documentation_is_public(port: int, address: str, name: str) -> None:
    [answer] = send(port, request(f"/api/v2/{name}"), address=address)
    assert answer.status == 200
    assert len(answer.body) > 400


@pytest.mark.parametrize("status", [400, 404, 405, 413, 414, 429, 503])
def test_nginx_says_what_the_service_would_say(status: int) -> None:
    text = (DEPLOY / "nginx/refusals.conf").read_text()
    _, code, message, *_ = re.findall(rf'(?m)^    {status} "?(.+?)"?;$', text)
    [entry] = errors.of_status(status).entries
    assert (code, message) == (entry.code, entry.message)


def test_the_configuration_has_no_warnings(alone: Place) -> None:
    checked = Nginx(alone).check()
    assert checked.returncode == 0, checked.stderr
    # nginx says so when it does not run as root: it need not become another user then.
    found = [line for line in checked.stderr.splitlines() if '"user" directive' not in line]
    assert [line for line in found if "[warn]" in line] == []
