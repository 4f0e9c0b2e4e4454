"""Every refusal has one shape and the same headers, whoever raises it."""

import re
import sqlite3
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy
from flask import Flask, abort
from flask.testing import FlaskClient
from werkzeug.exceptions import default_exceptions
from werkzeug.test import TestResponse

from service.database import db
from tests.api import problems
from tests.support.databases import ON_BOTH, ON_ONE
from tests.support.factories import PATH, as_user, errors_of, facebook, path_of

pytestmark = ON_ONE

ORIGIN = "https://app.example"
SEEN = {"Origin": ORIGIN, "X-Request-ID": "a-request"}
LEAK = re.compile("traceback|select|passwd|hunter2|sqlalchemy|psycopg|sqlite|boom", re.I)
Ask = Callable[[Callable[[], str]], TestResponse]


@pytest.fixture
def ask(make_app: Callable[..., Flask]) -> Ask:
    """Ask a service for a route that does this, and for nothing else."""

    def ask(act: Callable[[], str]) -> TestResponse:
        app = make_app(CORS_ORIGINS=ORIGIN)
        app.add_url_rule("/api/v2/test", "test", act)
        return app.test_client().get("/api/v2/test", headers=SEEN)

    return ask


def raising(error: Exception) -> Callable[[], str]:
    def act() -> str:
        raise error

    return act


def check_headers(response: TestResponse) -> None:
    assert response.headers.getlist("X-Request-ID") == ["a-request"]
    assert response.headers.getlist("X-Content-Type-Options") == ["nosniff"]
    assert response.headers.getlist("Cache-Control") == ["no-store"]
    assert response.headers.getlist("Access-Control-Allow-Origin") == [ORIGIN]


# A wrong media type is 400 here, and 422 is never used: what a library raises may be either.
ELSEWHERE = {415: {400, 415}, 422: {400}}


@pytest.mark.parametrize("code", sorted(default_exceptions))
def test_every_http_exception_has_the_one_shape(ask: Ask, code: int) -> None:
    response = ask(lambda: abort(code))
    assert response.status_code in ELSEWHERE.get(code, {code})
    problems.check(response, response.status_code)
    check_headers(response)


@pytest.mark.parametrize("code", sorted(default_exceptions))
def test_the_title_is_the_phrase_of_the_status(ask: Ask, code: int) -> None:
    problem = ask(lambda: abort(code)).get_json()
    assert problem["title"].casefold() not in {"", "error", str(code)}


@pytest.mark.parametrize("code", [429, 503])
def test_a_refusal_for_now_says_when_to_try_again(ask: Ask, code: int) -> None:
    assert int(ask(lambda: abort(code)).headers["Retry-After"]) > 0


FIELDS: dict[str | None, str] = {
    "user_id": "required",
    "provider": "required",
    "ext_id": "required",
}
HTML = {"Accept": "text/html"}
# What is asked, and the status and the errors of the answer.
REFUSALS: dict[str, tuple[str, str, dict[str, Any], int, dict[str | None, str]]] = {
    "malformed": ("POST", PATH, {"data": b"{"}, 400, {None: "parse_error"}),
    "fields": ("POST", PATH, {"json": {}}, 400, FIELDS),
    "query": ("GET", PATH + "?user_id=7&x=1", {}, 400, {"x": "unknown"}),
    "bad token": ("GET", PATH, {"auth": "Bearer x"}, 401, {None: "invalid_token"}),
    "no token": ("POST", PATH, {"auth": None}, 401, {None: "not_authenticated"}),
    "path's user": ("POST", path_of(8), {}, 403, {None: "permission_denied"}),
    "body's user": ("POST", PATH, {"json": facebook(user_id=8)}, 403, {None: "permission_denied"}),
    "no such path": ("GET", "/api/v2/nowhere", {}, 404, {None: "not_found"}),
    "bad id": ("GET", path_of("007"), {}, 404, {None: "not_found"}),
    "no such pair": ("DELETE", PATH, {"json": facebook()}, 404, {None: "not_found"}),
    "method": ("PUT", PATH, {}, 405, {None: "method_not_allowed"}),
    "accept": ("GET", PATH, {"headers": HTML}, 406, {None: "not_acceptable"}),
    "size": ("POST", PATH, {"data": b" " * 65_537}, 413, {None: "too_large"}),
    "target": ("GET", PATH + "?x=" + "x" * 8_192, {}, 414, {None: "uri_too_long"}),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_every_refusal_has_the_one_shape_and_its_code(
    make_app: Callable[..., Flask],
    refusal: tuple[str, str, dict[str, Any], int, dict[str | None, str]],
) -> None:
    method, path, extra, status, errors = refusal
    auth = extra.get("auth", as_user(7)["Authorization"])
    headers = SEEN | ({"Authorization": auth} if auth else {}) | extra.get("headers", {})
    sent: dict[str, Any] = {name: extra[name] for name in ("data", "json") if name in extra}
    if "data" in sent:
        sent["content_type"] = "application/json"
    client = make_app(CORS_ORIGINS=ORIGIN).test_client()
    response = client.open(path, method=method, headers=headers, **sent)
    problems.check(response, status)
    check_headers(response)
    assert errors_of(response) == errors


@ON_BOTH
def test_a_conflict_is_about_the_request_as_a_whole(client: FlaskClient) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7))
    response = client.post(PATH, json=facebook(user_id=8), headers=as_user(8))
    problems.check(response, 409)
    assert errors_of(response) == {None: "unique"}


@pytest.mark.parametrize("path", ["/", "/api/v2/nowhere", path_of("007")])
@pytest.mark.parametrize("accept", ["text/html", "*/*", "image/png"])
def test_a_refusal_is_never_html(client: FlaskClient, path: str, accept: str) -> None:
    response = client.get(path, headers={"Accept": accept})
    problems.check(response, 404)
    assert "<" not in response.get_data(as_text=True)


def test_all_broken_fields_are_reported_at_once_with_one_message_each(client: FlaskClient) -> None:
    body = {"user_id": True, "provider": "A A\0", "ext_id": " \0", "show_in_profile": 1, "x": 1}
    response = client.post(PATH, json=body, headers=as_user(7))
    problems.check(response, 400)
    assert set(errors_of(response)) == set(body)


@pytest.mark.parametrize("value", ["</script><b>", "\u202e", "'; DROP TABLE x --", "{0.__class__}"])
def test_a_refusal_does_not_repeat_what_was_sent(client: FlaskClient, value: str) -> None:
    response = client.post(PATH, json=facebook(provider=value), headers=as_user(7))
    problems.check(response, 400)
    assert value not in response.get_json()["errors"][0]["messages"][0]["message"]


STATEMENT = "SELECT hunter2 FROM passwd"
BUGS: list[Exception] = [
    RuntimeError(STATEMENT),
    KeyError("boom"),
    ValueError("boom /etc/passwd"),
    RecursionError("boom"),
    MemoryError("boom"),
    UnicodeDecodeError("utf-8", b"boom", 0, 1, "boom"),
    OSError(28, "boom", "/etc/passwd"),
    sqlalchemy.exc.InvalidRequestError(STATEMENT),
    sqlalchemy.exc.ProgrammingError(STATEMENT, {}, sqlite3.ProgrammingError("boom")),
    sqlalchemy.exc.DataError(STATEMENT, {}, psycopg.errors.NumericValueOutOfRange("boom")),
]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: type(bug).__name__)
def test_a_bug_is_a_generic_500_that_names_the_request(ask: Ask, bug: Exception) -> None:
    response = ask(raising(bug))
    problems.check(response, 500)
    check_headers(response)
    assert errors_of(response) == {None: "error"}
    text = response.get_data(as_text=True)
    assert "a-request" in text
    assert not LEAK.search(text)


def test_the_text_of_every_bug_is_the_same(ask: Ask) -> None:
    assert ask(raising(KeyError("a"))).get_data() == ask(raising(OSError("b"))).get_data()


def of_sqlite(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("boom")
    error.sqlite_errorcode = code
    return error


def of_postgresql(kind: type[psycopg.Error]) -> psycopg.Error:
    return kind("boom")


FOR_NOW: dict[str, Exception] = {
    "locked": of_sqlite(sqlite3.SQLITE_BUSY),
    "full": of_sqlite(sqlite3.SQLITE_FULL),
    "failing": of_sqlite(sqlite3.SQLITE_IOERR_FSYNC),
    "gone": of_sqlite(sqlite3.SQLITE_CANTOPEN),
    "lost connection": of_postgresql(psycopg.OperationalError),
    "shut down": of_postgresql(psycopg.errors.AdminShutdown),
    "starting": of_postgresql(psycopg.errors.CannotConnectNow),
    "disk full": of_postgresql(psycopg.errors.DiskFull),
    "too many connections": of_postgresql(psycopg.errors.TooManyConnections),
    "deadlock": of_postgresql(psycopg.errors.DeadlockDetected),
    "lock not available": of_postgresql(psycopg.errors.LockNotAvailable),
    "canceled": of_postgresql(psycopg.errors.QueryCanceled),
}


@ON_BOTH
@pytest.mark.parametrize("error", FOR_NOW.values(), ids=FOR_NOW)
def test_a_database_that_refuses_for_now_is_503(
    make_app: Callable[..., Flask], error: Exception
) -> None:
    def refuse(*_: object) -> None:
        raise error

    app = make_app(CORS_ORIGINS=ORIGIN)
    with app.app_context():
        sqlalchemy.event.listen(db.engine, "checkout", refuse)
    response = app.test_client().post(PATH, json=facebook(), headers=as_user(7) | SEEN)
    problems.check(response, 503)
    check_headers(response)
    assert errors_of(response) == {None: "unavailable"}
    assert int(response.headers["Retry-After"]) > 0
    assert not LEAK.search(response.get_data(as_text=True))


UNREACHABLE = "postgresql://someone:hunter2@127.0.0.1:1/nowhere"
CALLS = [
    ("GET", path_of(7)),
    ("GET", PATH),
    ("POST", PATH),
    ("PATCH", path_of(7)),
    ("DELETE", PATH),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_database_that_is_not_there_is_503(
    make_app: Callable[..., Flask], method: str, path: str
) -> None:
    client = make_app(DATABASE_URL=UNREACHABLE).test_client()
    body = None if method == "GET" else facebook(show_in_profile=True)
    response = client.open(path, method=method, json=body, headers=as_user(7))
    problems.check(response, 503)
    assert int(response.headers["Retry-After"]) > 0
    assert not LEAK.search(response.get_data(as_text=True))


@pytest.mark.parametrize(("method", "path"), [("POST", PATH), ("GET", path_of(7) + "?x=1")])
def test_a_refusal_needs_no_database(
    make_app: Callable[..., Flask], method: str, path: str
) -> None:
    client = make_app(DATABASE_URL=UNREACHABLE).test_client()
    response = client.open(path, method=method, json={"user_id": 7}, headers=as_user(7))
    problems.check(response, 400)
