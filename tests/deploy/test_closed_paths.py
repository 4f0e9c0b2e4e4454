"""Only what lies below /api/ is public, however its path is written."""

import pytest

from tests.deploy import shape
from tests.deploy.stack import Place
from tests.deploy.upstream import Upstream
from tests.deploy.wire import request, send

CLOSED = ["/metrics", "/readyz", "/healthz"]
DISGUISES = [
    "{}",
    "{}/",
    "/{}",
    "/api/..{}",
    "/api/v2/..%2f..{}",
    "/api/%2e%2e{}",
    "{}/../api/",
    "{}/%2e%2e/api/v2/docs",
    "/.{}",
    "/api{}",
    "{}?/api/",
    "{}#/api/",
    "{};/api/",
    "{}%00/api/",
    "//api{}",
    "http://api.example.org{}",
    "http://api.example.org/api/..{}",
]


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("path", CLOSED)
def test_a_closed_path_stays_closed(port: int, address: str, path: str, disguise: str) -> None:
    [answer] = send(port, request(disguise.format(path)), address=address)
    assert answer.status in (400, 404)
    shape.check(answer, answer.status)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "127.0.0.1:9180"},
        {"X-Original-URL": "/metrics"},
        {"X-Rewrite-URL": "/metrics"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"SCRIPT_NAME": "/api", "PATH_INFO": "/metrics"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_no_header_opens_a_closed_path(
    port: int, address: str, place: Place, headers: dict[str, str]
) -> None:
    for target in ("/metrics", "/api/metrics"):
        [answer] = send(port, request(target, headers=headers), address=address)
        shape.check(answer, 404)


def test_the_tidied_path_decides_nothing_for_the_service(upstream: Upstream, alone: Place) -> None:
    """What passes, passes on as it was sent."""
    for target in ("/api/v2/user/../docs", "/api/v2//docs", "/api/%76%32/docs"):
        send(alone.port, request(target))
        assert upstream.requests[-1].startswith(f"GET {target} HTTP/1.1\r\n".encode())


@pytest.mark.parametrize("path", CLOSED)
def test_the_monitors_reach_them(port: int, place: Place, path: str) -> None:
    [answer] = send(place.monitor_port, request(path))
    assert answer.status == 200


@pytest.mark.parametrize("path", ["/", "/api/v2/docs", "/metrics/x"])
def test_the_monitors_reach_nothing_else(port: int, place: Place, path: str) -> None:
    [answer] = send(place.monitor_port, request(path))
    assert answer.status == 404
