"""Where a token is looked for, and what its absence or a bad one is answered with.

`GET` without a query answers the three cases differently: 200 for a caller who is known, 400 for an
anonymous one (whose list?) and 401 for a bad token.
"""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api import problems
from tests.support import tokens
from tests.support.databases import ON_ONE
from tests.support.factories import PATH, as_user, errors_of, facebook, path_of
from tests.support.tokens import token

pytestmark = ON_ONE

KNOWN, ANONYMOUS = 200, 400
OTHER_SECRET = "another-secret-for-tests-of-32-bytes!"
BAD = {"Authorization": "Bearer x"}

OPERATIONS = {
    "create": ("POST", PATH),
    "create, second form": ("POST", path_of(7)),
    "list": ("GET", PATH),
    "public list": ("GET", f"{PATH}?user_id=7"),
    "public list, second form": ("GET", path_of(7)),
    "lookup": ("GET", f"{PATH}?provider=facebook&ext_id=fb-1"),
    "change": ("PATCH", PATH),
    "change, second form": ("PATCH", path_of(7)),
    "delete": ("DELETE", PATH),
    "delete, second form": ("DELETE", path_of(7)),
}
PRIVATE = {name: call for name, call in OPERATIONS.items() if "list" not in name}


def status(client: FlaskClient, token: str) -> int:
    return client.get(PATH, headers=tokens.bearer(token)).status_code


def test_a_good_token_says_who_calls(client: FlaskClient) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7))
    assert len(client.get(PATH, headers=as_user(7)).get_json()) == 1


@pytest.mark.parametrize("call", PRIVATE.values(), ids=PRIVATE)
def test_a_missing_token_is_401(client: FlaskClient, call: tuple[str, str]) -> None:
    response = client.open(call[1], method=call[0])
    problems.check(response, 401)
    assert errors_of(response) == {None: "not_authenticated"}
    assert response.headers.getlist("WWW-Authenticate") == ["Bearer"]


@pytest.mark.parametrize("call", OPERATIONS.values(), ids=OPERATIONS)
def test_a_bad_token_is_401_even_where_none_is_needed(
    client: FlaskClient, call: tuple[str, str]
) -> None:
    response = client.open(call[1], method=call[0], headers=BAD)
    problems.check(response, 401)
    assert errors_of(response) == {None: "invalid_token"}
    assert response.headers.getlist("WWW-Authenticate") == ['Bearer error="invalid_token"']


@pytest.mark.parametrize(
    "request_of",
    [
        {"data": b"{", "content_type": "application/json"},
        {"data": b"x", "content_type": "text/plain"},
        {"data": b"x" * 100_000},
        {"json": {}, "headers": {"Accept": "text/html"}},
    ],
    ids=["malformed", "media type", "size", "accept"],
)
def test_401_comes_before_what_the_body_is(client: FlaskClient, request_of: dict[str, Any]) -> None:
    assert client.post(PATH, **request_of).status_code == 401


def test_lack_of_permission_is_not_401(client: FlaskClient) -> None:
    response = client.post(PATH, json=facebook(), headers=as_user(8))
    problems.check(response, 403)
    assert "WWW-Authenticate" not in response.headers


def test_a_bad_token_writes_nothing(client: FlaskClient) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7, secret=OTHER_SECRET))
    assert client.get(PATH, headers=as_user(7)).get_json() == []


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_is_read_in_any_case(client: FlaskClient, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {token()}"}
    assert client.get(PATH, headers=headers).status_code == KNOWN


HEADERS = [
    "",
    " ",
    ",",
    ", ,x",
    "Bearer",
    "Bearer ",
    "Bearer ,",
    "bearer=x",
    "Bearer undefined",
    "Bearer null",
    "Bearer {}",
    "Bearer .",
    "Bearer ..",
    "Bearer ....",
    "Bearer \u00e9.\u00e9.\u00e9",
    "Bearer {token} x",
    "Bearer {token}, x",
    "Bearer {token},",
    "Bearer {token}.",
    "Bearer {token}.x",
    "Bearer {token}, Bearer {token}",
    "Bearer Bearer {token}",
    'Bearer "{token}"',
    "Bearer token={token}",
    "Bearer{token}",
    "Bearer:{token}",
    "Bearer\t{token}",
    "Basic dXNlcjpwYXNz",
    "Basic {token}",
    "Token {token}",
    "JWT {token}",
    "Digest {token}",
    "x Bearer {token}",
    "XBearer {token}",
    "{token}",
]


@pytest.mark.parametrize("path", [PATH, f"{PATH}?user_id=7"])
@pytest.mark.parametrize("header", HEADERS)
def test_any_other_header_is_401(client: FlaskClient, header: str, path: str) -> None:
    value = header.replace("{token}", token())
    problems.check(client.get(path, headers={"Authorization": value}), 401)


@pytest.mark.parametrize(
    ("before", "after"), [(" ", ""), ("\t", ""), ("", " "), ("", "\t"), (" \t", "\t ")]
)
def test_space_and_tab_around_the_header_s_value_are_no_part_of_it(
    client: FlaskClient, before: str, after: str
) -> None:
    headers = {"Authorization": f"{before}Bearer {token()}{after}"}
    assert client.get(PATH, headers=headers).status_code == KNOWN


@pytest.mark.parametrize("other", ["\xa0", "\x85", "\x0b", "\x0c", "\x1c", "\x1f"])
@pytest.mark.parametrize("place", ["before", "after"])
def test_nothing_else_is_white_space_there(client: FlaskClient, other: str, place: str) -> None:
    """A token's rate is counted by nginx, which knows no other white space."""
    value = f"Bearer {token()}"
    value = f"{other}{value}" if place == "before" else f"{value}{other}"
    environ = {"HTTP_AUTHORIZATION": value}
    assert client.get(PATH, environ_overrides=environ).status_code == 401


def test_more_than_one_blank_is_no_server_error(client: FlaskClient) -> None:
    response = client.get(PATH, headers={"Authorization": f"Bearer  {token()}"})
    assert response.status_code in {KNOWN, 401}


@pytest.mark.parametrize("size", [10_000, 1_000_000])
def test_a_token_that_is_only_long_is_401(client: FlaskClient, size: int) -> None:
    assert status(client, "x" * size) == 401


@pytest.mark.parametrize("name", ["access_token", "token", "jwt", "Authorization"])
def test_a_token_in_the_query_is_ignored(client: FlaskClient, name: str) -> None:
    response = client.post(f"{PATH}?{name}={token()}", json=facebook())
    assert response.status_code == 401


@pytest.mark.parametrize("name", ["access_token_cookie", "access_token", "jwt", "Authorization"])
def test_a_token_in_a_cookie_is_ignored(client: FlaskClient, name: str) -> None:
    client.set_cookie(name, token())
    assert client.get(PATH).status_code == ANONYMOUS


def test_a_bad_token_in_a_cookie_is_ignored(client: FlaskClient) -> None:
    client.set_cookie("access_token_cookie", "x")
    assert client.get(path_of(7)).status_code == 200


@pytest.mark.parametrize("name", ["access_token", "token"])
def test_a_token_in_the_body_is_ignored(client: FlaskClient, name: str) -> None:
    assert client.post(PATH, json=facebook(**{name: token()})).status_code == 401
