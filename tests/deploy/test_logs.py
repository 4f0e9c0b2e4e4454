"""No log holds a token, a query, a body or a header that a client sent."""

import json
import time
from pathlib import Path

import pytest

from tests.deploy.stack import Place
from tests.deploy.upstream import Upstream
from tests.deploy.wire import request, send
from tests.support.factories import PATH, as_user, external, facebook

CANARY = "CANARY"
HEADERS = {
    name: f"{CANARY}-{name}"
    for name in (
        "User-Agent",
        "Referer",
        "Cookie",
        "Origin",
        "Accept-Language",
        "X-Forwarded-For",
        "X-Anything",
        "If-None-Match",
    )
} | {"X-Request-ID": f"{CANARY} insane"}
QUERY = f"{PATH}?provider=facebook&ext_id={CANARY}"
FAKE = {"Authorization": f"Bearer {CANARY}.{CANARY}.{CANARY}"}


def logs(prefix: Path) -> str:
    """All that nginx, gunicorn, the service and PostgreSQL wrote."""
    files = [*(prefix / "var/log").rglob("*.log"), *prefix.glob("pg/log")]
    return "\n".join(file.read_text(errors="replace") for file in files)


def lines(log: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def of_request(place: Place, request_id: str) -> dict[str, object]:
    """The access log's line; it is written after the answer."""
    time.sleep(0.2)
    [line] = [line for line in lines(place.access_log) if line["request_id"] == request_id]
    return line


def test_no_canary_in_any_log(port: int, address: str, place: Place) -> None:
    good = as_user(7)
    details = facebook(ext_id=CANARY, profile_url=f"https://example.org/{CANARY}")
    metadata = external(ext_id=f"{CANARY}-2", metadata={CANARY: CANARY})
    bodies = [details, metadata, facebook(ext_id=CANARY, nonsense=CANARY), {CANARY: CANARY}]
    for headers in (good | HEADERS, FAKE | HEADERS, HEADERS):
        for body in bodies:
            for method in ("POST", "PATCH", "DELETE", "PUT"):
                sent = request(PATH, method, headers, json.dumps(body).encode())
                send(port, sent, address=address)
        for method in ("GET", "DELETE", "OPTIONS"):
            send(port, request(QUERY, method, headers), address=address)
        send(port, request(f"/metrics?{CANARY}", headers=headers), address=address)
        send(port, request(f"{PATH}?{CANARY}=" + "a" * 9000, headers=headers), address=address)
        send(port, request(PATH, headers=headers | {"X-Big": CANARY * 2000}), address=address)
        send(port, request(f"{PATH}?{CANARY}%zz%", headers=headers), address=address)
        send(port, f"GET {QUERY}\x01 HTTP/1.1\r\nHost: {CANARY}\r\n\r\n".encode(), address=address)
        send(port, request(PATH, "POST", headers, b'"CANARY' * 10_000), address=address)
    signature = good["Authorization"].rpartition(".")[2]
    found = logs(place.prefix)
    assert CANARY not in found
    assert signature not in found
    assert '"status":"201"' in found  # it did see them


def test_no_canary_when_gunicorn_is_away(alone: Place, address: str) -> None:
    for _ in range(150):  # over the rate as well
        send(alone.port, request(QUERY, "DELETE", FAKE | HEADERS), address=address)
    found = logs(alone.prefix)
    assert '"status":"502"' in found
    assert CANARY not in found


def test_no_canary_when_the_rate_is_exceeded(
    upstream: Upstream, alone: Place, address: str
) -> None:
    headers = as_user(7) | HEADERS
    sent = request(QUERY, headers=headers, last=False) * 150
    send(alone.port, sent, request(QUERY, headers=headers), address=address)
    found = logs(alone.prefix)
    assert '"status":"429"' in found
    assert CANARY not in found


def test_a_line_says_how_the_request_ended(port: int, address: str, place: Place) -> None:
    target = f"/api/v2/user/7/provider/?provider={CANARY}"
    sent = request(target, "PATCH", {"X-Request-ID": "a-line"}, b"{}")
    send(port, sent, address=address)
    line = of_request(place, "a-line")
    assert isinstance(line.pop("time"), str)
    assert isinstance(line.pop("bytes"), int)
    assert isinstance(line.pop("seconds"), float)
    assert float(str(line.pop("gunicorn_seconds"))) >= 0
    assert line == {
        "request_id": "a-line",
        "client": address,
        "method": "PATCH",
        "path": "/api/v2/user/7/provider/",
        "status": "401",
        "gunicorn_status": "401",
    }


def test_a_refusal_s_line_names_what_was_asked(alone: Place, address: str) -> None:
    sent = request("/api/v2/", "POST", {"X-Request-ID": "refused"}, b" " * 70_000)
    send(alone.port, sent, address=address)
    line = of_request(alone, "refused")
    assert (line["method"], line["path"], line["status"]) == ("POST", "/api/v2/", "413")


@pytest.mark.parametrize(
    "target",
    ["/a%0ab", "/a%22b", "/ä\\".encode().decode("latin-1"), "/" + "a" * 5000, "/\x7f", "*"],
)
def test_whatever_the_path_it_is_one_line_of_json(alone: Place, target: str) -> None:
    before = len(lines(alone.access_log))
    send(alone.port, request(target))
    time.sleep(0.1)
    found = lines(alone.access_log)
    assert len(found) == before + 1
    assert len(str(found[-1]["path"])) <= 256
