"""What surrounds every operation: `Accept`, the request id and the headers of safety."""

import re
import time

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.telemetry import metrics
from service.web import edge
from tests.api import problems
from tests.support.databases import ON_ONE
from tests.support.factories import PATH, as_user, errors_of, facebook, path_of

pytestmark = ON_ONE

HTML = {"Accept": "text/html"}
SANE = re.compile(r"[A-Za-z0-9._-]{1,128}")
ADMITTING = [
    None,
    "*/*",
    "application/*",
    "application/json",
    "Application/JSON",
    "application/problem+json",
    "application/json, text/plain, */*",
    "text/html, application/json;q=0.1",
    "text/html;q=1.0,*/*;q=0.001",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "application/json;q=0.5",
    "application/json; charset=utf-8",
    "application/json;version=1; q=0.5;x=y",
    "application/json ; q=1",
    "*/*;q=0, application/json",
    "application/*;q=0, application/json;q=0.1",
    "application/json;q=0, application/problem+json",
    "application/problem+json;q=0, application/json",
]
OTHER = [
    "text/html",
    "text/plain",
    "text/*",
    "image/png, image/*",
    "application/xml",
    "application/jsonp",
    "application/vnd.api+json",
    "application/json;q=0",
    "application/json;q=0.0, text/html",
    "application/json; charset=utf-8; q=0",
    "application/json;q=0, application/problem+json;q=0",
    "*/*;q=0",
    "application/*;q=0, */*;q=0",
    "application/*;q=0, text/html",
    "text/html, application/json;q=0, application/problem+json;q=0, */*",
]
OPERATIONS = [
    ("GET", PATH),
    ("GET", path_of(7)),
    ("POST", PATH),
    ("POST", path_of(7)),
    ("PATCH", PATH),
    ("PATCH", path_of(7).rstrip("/")),
    ("DELETE", PATH),
    ("DELETE", path_of(7)),
]


@pytest.mark.parametrize("accept", ADMITTING)
def test_accept_that_admits_json_or_problem_json_is_served(
    client: FlaskClient, accept: str | None
) -> None:
    headers = as_user(7) | ({"Accept": accept} if accept else {})
    response = client.get(PATH, headers=headers)
    assert (response.status_code, response.content_type) == (200, "application/json")


@pytest.mark.parametrize("accept", OTHER)
def test_accept_that_admits_neither_is_406(client: FlaskClient, accept: str) -> None:
    response = client.get(PATH, headers=as_user(7) | {"Accept": accept})
    problems.check(response, 406)
    assert errors_of(response) == {None: "not_acceptable"}


@pytest.mark.parametrize(
    "accept",
    ["", ",", ";", ";;;", "json", "a/b/c", "application/json;q=x", "*", "\u00e9", "x" * 9000],
)
def test_a_senseless_accept_is_no_server_error(client: FlaskClient, accept: str) -> None:
    response = client.get(PATH, headers=as_user(7) | {"Accept": accept})
    assert response.status_code in {200, 406}


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("text/html," * 800 + "application/json", 200),
        ("text/html," * 800, 406),
        ("application/json;q=0," * 400, 406),
        ("*/*;q=0.1," * 800, 200),
    ],
)
def test_a_long_accept_is_read_in_no_time(client: FlaskClient, accept: str, status: int) -> None:
    headers = as_user(7) | {"Accept": accept}
    seconds = []
    for _ in range(3):
        started = time.thread_time()
        assert client.get(PATH, headers=headers).status_code == status
        seconds.append(time.thread_time() - started)
    assert min(seconds) < 0.006


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_operation_looks_at_accept(client: FlaskClient, method: str, path: str) -> None:
    client.post(PATH, json=facebook(ext_id="fb-2"), headers=as_user(7))
    body = None if method == "GET" else facebook(show_in_profile=True)
    response = client.open(path, method=method, json=body, headers=as_user(7) | HTML)
    problems.check(response, 406)


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_406_does_nothing(client: FlaskClient, method: str) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7))
    before = client.get(PATH, headers=as_user(7)).get_json()
    body = facebook(ext_id="fb-2" if method == "POST" else "fb-1", show_in_profile=True)
    client.open(PATH, method=method, json=body, headers=as_user(7) | HTML)
    assert client.get(PATH, headers=as_user(7)).get_json() == before


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        (PATH, {}, b"{}", 401),
        (path_of(8), as_user(7), b"{}", 403),
        (PATH, as_user(7), b"{", 406),
        (PATH, as_user(7), b" " * 65_537, 406),
        (PATH, as_user(7), b'{"user_id": 8, "provider": "x", "ext_id": "x"}', 406),
    ],
)
def test_accept_comes_after_the_token_and_the_path_and_before_the_body(
    client: FlaskClient, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    response = client.post(path, data=body, content_type="application/json", headers=headers | HTML)
    problems.check(response, status)


def test_the_documentation_page_is_for_browsers(client: FlaskClient) -> None:
    assert client.get("/api/v2/docs", headers=HTML).status_code == 200


def answers(client: FlaskClient, **headers: str) -> dict[str, TestResponse]:
    """One response of every kind."""
    signed = as_user(7) | headers
    return {
        "201": client.post(PATH, json=facebook(), headers=signed),
        "200 create": client.post(PATH, json=facebook(), headers=signed),
        "200 list": client.get(PATH, headers=signed),
        "200 public": client.get(path_of(7), headers=headers),
        "200 head": client.head(path_of(7), headers=headers),
        "200 change": client.patch(PATH, json=facebook(show_in_profile=True), headers=signed),
        "204": client.delete(PATH, json=facebook(), headers=signed),
        "400": client.get(PATH, headers=headers),
        "401": client.post(PATH, headers=headers),
        "403": client.post(path_of(8), headers=signed),
        "404": client.delete(PATH, json=facebook(), headers=signed),
        "404 path": client.get("/nowhere", headers=headers),
        "405": client.put(PATH, headers=signed),
        "406": client.get(PATH, headers=signed | HTML),
        "413": client.post(PATH, data=b" " * 65_537, headers=signed),
        "414": client.get(f"{PATH}?{'x' * 9_000}", headers=signed),
        "options": client.options(PATH, headers=headers),
        "health": client.get("/healthz", headers=headers),
        "ready": client.get("/readyz", headers=headers),
        "metrics": client.get("/metrics", headers=headers),
        "openapi": client.get("/api/v2/openapi.json", headers=headers),
        "docs": client.get("/api/v2/docs", headers=headers),
    }


ABOUT_NO_USER = {"options", "health", "ready", "metrics", "openapi", "docs"}


def test_every_response_is_marked_nosniff(client: FlaskClient) -> None:
    for kind, response in answers(client).items():
        assert response.headers.getlist("X-Content-Type-Options") == ["nosniff"], kind


def test_every_response_carries_the_callers_request_id(client: FlaskClient) -> None:
    for kind, response in answers(client, **{"X-Request-ID": "an.id_1-A"}).items():
        assert response.headers.getlist("X-Request-ID") == ["an.id_1-A"], kind


def test_every_response_without_a_callers_id_carries_a_new_one(client: FlaskClient) -> None:
    responses = answers(client)
    ids = {response.headers["X-Request-ID"] for response in responses.values()}
    assert len(ids) == len(responses)
    assert all(SANE.fullmatch(value) for value in ids)


def test_everything_about_a_user_and_every_refusal_is_not_stored(client: FlaskClient) -> None:
    for kind, response in answers(client).items():
        if kind not in ABOUT_NO_USER:
            assert response.headers.getlist("Cache-Control") == ["no-store"], kind


def test_no_response_redirects(client: FlaskClient) -> None:
    for kind, response in answers(client).items():
        assert not 300 <= response.status_code < 400, kind


ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"


@pytest.mark.parametrize("sent", ["x", "0", "-", ".", "_", ALPHABET, "x" * 128])
def test_a_sane_request_id_is_kept(client: FlaskClient, sent: str) -> None:
    response = client.get("/healthz", headers={"X-Request-ID": sent})
    assert response.headers.getlist("X-Request-ID") == [sent]


@pytest.mark.parametrize(
    "sent",
    [
        "",
        " ",
        "x" * 129,
        "a b",
        "a,b",
        "a, b",
        "a/b",
        "a:b",
        "a\tb",
        "<b>",
        "\u00e9",
        "\u00b2",
        '"x"',
    ],
)
def test_an_insane_request_id_is_replaced(client: FlaskClient, sent: str) -> None:
    response = client.get("/healthz", headers={"X-Request-ID": sent})
    (new,) = response.headers.getlist("X-Request-ID")
    assert new != sent
    assert SANE.fullmatch(new)


def test_two_request_ids_are_replaced_by_one(client: FlaskClient) -> None:
    response = client.get("/healthz", headers=[("X-Request-ID", "a"), ("X-Request-ID", "b")])
    (new,) = response.headers.getlist("X-Request-ID")
    assert new not in {"a", "b", "a,b", "a, b"}


@pytest.mark.parametrize(
    "observer", ["service.telemetry.metrics.REQUESTS", "service.telemetry.logs.audit_logger"]
)
def test_a_metric_or_a_line_that_fails_changes_no_answer_and_is_said_once(
    client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    observer: str,
) -> None:
    monkeypatch.setattr(observer, None)
    metrics._of.cache_clear()
    edge._say_once.cache_clear()
    for ext_id in "a", "b":
        answer = client.post(PATH, json=facebook(ext_id=ext_id), headers=as_user(7))
        assert answer.status_code == 201
        assert SANE.fullmatch(answer.headers["X-Request-ID"])
    assert [record.levelname for record in caplog.records].count("ERROR") == 1
