"""Which pages of other origins may call, and what their browsers learn."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.databases import ON_ONE
from tests.support.factories import PATH, as_user, facebook, path_of

pytestmark = ON_ONE

APP = "https://app.example"
DEV = "http://localhost:3000"
FORMS = [PATH, PATH.rstrip("/"), path_of(7), path_of(7).rstrip("/")]
OTHERS = [
    "https://other.example",
    "http://app.example",
    "https://app.example:8443",
    "https://app.example.evil.example",
    "https://evil-app.example",
    "https://sub.app.example",
    "https://app.example/",
    "null",
    "*",
    "",
]
ALLOW_ORIGIN = "Access-Control-Allow-Origin"


@pytest.fixture
def cors(make_app: Callable[..., Flask]) -> FlaskClient:
    """A client of a service that two origins may call."""
    return make_app(CORS_ORIGINS=f"{APP},{DEV}").test_client()


@pytest.fixture
def open_to_all(make_app: Callable[..., Flask]) -> FlaskClient:
    return make_app(CORS_ORIGINS="*").test_client()


def preflight(
    client: FlaskClient,
    origin: str = APP,
    *,
    path: str = PATH,
    method: str = "POST",
    headers: str = "authorization,content-type",
) -> TestResponse:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": headers,
    }
    return client.options(path, headers=asked)


def listed(response: TestResponse, name: str) -> set[str]:
    (value,) = response.headers.getlist(name)
    return {part.strip().casefold() for part in value.split(",")}


def cors_headers(response: TestResponse) -> list[str]:
    return [name for name, _ in response.headers if name.startswith("Access-Control-")]


def test_no_origin_may_call_unless_configured(client: FlaskClient) -> None:
    assert cors_headers(client.get(path_of(7), headers={"Origin": APP})) == []


def test_no_preflight_succeeds_unless_configured(client: FlaskClient) -> None:
    assert cors_headers(preflight(client)) == []


@pytest.mark.parametrize("origin", [APP, DEV])
def test_a_configured_origin_may_read_the_answer(cors: FlaskClient, origin: str) -> None:
    response = cors.get(path_of(7), headers={"Origin": origin})
    assert response.headers.getlist(ALLOW_ORIGIN) == [origin]


@pytest.mark.parametrize("origin", OTHERS)
def test_another_origin_may_not(cors: FlaskClient, origin: str) -> None:
    assert ALLOW_ORIGIN not in cors.get(path_of(7), headers={"Origin": origin}).headers


@pytest.mark.parametrize("origin", OTHERS)
def test_another_origins_preflight_fails(cors: FlaskClient, origin: str) -> None:
    assert ALLOW_ORIGIN not in preflight(cors, origin).headers


def test_another_origin_is_answered_all_the_same(cors: FlaskClient) -> None:
    response = cors.get(path_of(7), headers={"Origin": "https://other.example"})
    assert (response.status_code, response.get_json()) == (200, [])


@pytest.mark.parametrize("origin", [APP, "https://anything.example", "null"])
def test_a_star_lets_every_origin_in(open_to_all: FlaskClient, origin: str) -> None:
    response = open_to_all.get(path_of(7), headers={"Origin": origin})
    assert response.headers.getlist(ALLOW_ORIGIN) == ["*"]


@pytest.mark.parametrize("origin", [APP, "null"])
def test_a_star_lets_every_preflight_succeed(open_to_all: FlaskClient, origin: str) -> None:
    assert preflight(open_to_all, origin).headers.getlist(ALLOW_ORIGIN) == ["*"]


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_preflight_needs_no_token_and_is_not_redirected(
    cors: FlaskClient, path: str, method: str
) -> None:
    response = preflight(cors, path=path, method=method)
    assert response.status_code in {200, 204}
    assert response.headers.getlist(ALLOW_ORIGIN) == [APP]


@pytest.mark.parametrize("path", FORMS)
def test_a_preflight_allows_every_method(cors: FlaskClient, path: str) -> None:
    allowed = listed(preflight(cors, path=path), "Access-Control-Allow-Methods")
    assert allowed >= {"get", "post", "patch", "delete"}


def test_a_preflight_allows_the_headers_that_callers_send(cors: FlaskClient) -> None:
    allowed = listed(preflight(cors), "Access-Control-Allow-Headers")
    assert allowed == {"authorization", "content-type", "x-request-id", "*"}


def test_a_preflight_is_kept_for_a_day(cors: FlaskClient) -> None:
    assert preflight(cors).headers.getlist("Access-Control-Max-Age") == ["86400"]


def test_a_preflight_has_no_body(cors: FlaskClient) -> None:
    assert preflight(cors).get_data() == b""


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_a_preflight_is_answered_whatever_is_accepted(cors: FlaskClient, accept: str) -> None:
    asked = {"Origin": APP, "Access-Control-Request-Method": "POST", "Accept": accept}
    assert cors.options(PATH, headers=asked).headers.get(ALLOW_ORIGIN) == APP


def calls(client: FlaskClient) -> dict[str, TestResponse]:
    """One response of every kind, asked for by a page of the configured origin."""
    origin = {"Origin": APP}
    signed = as_user(7) | origin
    return {
        "201": client.post(PATH, json=facebook(), headers=signed),
        "200": client.get(PATH, headers=signed),
        "204": client.delete(PATH, json=facebook(), headers=signed),
        "400": client.get(PATH, headers=origin),
        "401": client.post(PATH, headers=origin),
        "403": client.post(path_of(8), headers=signed),
        "404": client.get("/api/v2/nowhere", headers=origin),
        "405": client.put(PATH, headers=signed),
        "406": client.get(PATH, headers=signed | {"Accept": "text/html"}),
        "413": client.post(PATH, data=b" " * 65_537, headers=signed),
        "414": client.get(f"{PATH}?{'x' * 9_000}", headers=signed),
    }


def test_every_answer_can_be_read_by_the_page(cors: FlaskClient) -> None:
    for kind, response in calls(cors).items():
        assert response.headers.getlist(ALLOW_ORIGIN) == [APP], kind


def test_every_answer_exposes_the_request_id_and_retry_after(cors: FlaskClient) -> None:
    for kind, response in calls(cors).items():
        exposed = listed(response, "Access-Control-Expose-Headers")
        assert exposed == {"x-request-id", "retry-after"}, kind


def test_no_answer_allows_credentials(cors: FlaskClient, open_to_all: FlaskClient) -> None:
    for client in (cors, open_to_all):
        for response in (*calls(client).values(), preflight(client)):
            assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("headers", [{}, {"Origin": APP}, {"Origin": "https://other.example"}])
def test_caches_learn_that_the_answer_varies(cors: FlaskClient, headers: dict[str, str]) -> None:
    assert "origin" in listed(cors.get(path_of(7), headers=headers), "Vary")


@pytest.mark.parametrize("origin", [APP, "https://other.example"])
def test_caches_learn_that_the_preflight_varies(cors: FlaskClient, origin: str) -> None:
    assert "origin" in listed(preflight(cors, origin), "Vary")
