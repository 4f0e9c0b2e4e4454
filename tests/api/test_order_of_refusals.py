"""A request with two things wrong is refused for the one that comes first.

Each list below is the order of the contract. Every pair out of it is tried: a request with
both faults has to be refused as if it had the earlier one alone.
"""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.databases import ON_BOTH, ON_ONE
from tests.support.factories import PATH, as_admin, as_user, errors_of, facebook, path_of

pytestmark = ON_ONE

TOO_LARGE = "{" + " " * 65536
FORMS = [PATH, PATH[:-1], path_of(7), path_of(7)[:-1]]

# The status and code by which each fault is known.
REFUSALS: dict[str, tuple[int, str]] = {
    "path": (404, "not_found"),
    "method": (405, "method_not_allowed"),
    "target": (414, "uri_too_long"),
    "token": (401, "not_authenticated"),
    "bad token": (401, "invalid_token"),
    "path's user": (403, "permission_denied"),
    "accept": (406, "not_acceptable"),
    "size": (413, "too_large"),
    "syntax": (400, "parse_error"),
    "field": (400, "invalid"),
    "body's user": (403, "permission_denied"),
    "limit": (409, "limit"),
    "not there": (404, "not_found"),
    "unique": (409, "unique"),
}

START = ["token", "bad token"]
AFTER_THE_TARGET = [*START, "path's user", "accept", "size", "syntax", "field"]
BY_PATH = ["target", *AFTER_THE_TARGET]
BY_BODY = ["target", *START, "accept", "size", "syntax", "field", "body's user"]


def request_with(faults: tuple[str, ...], method: str, path: str) -> dict[str, Any]:
    """The arguments of `client.open` for a request that has these faults and no other."""
    body = facebook(show_in_profile=True)
    if "field" in faults:
        body["ext_id"] = " "
    caller = 8 if {"path's user", "body's user"} & set(faults) else 7
    arguments: dict[str, Any] = {
        "path": path_of("07") if "path" in faults else path,
        "method": "PUT" if "method" in faults else method,
        "headers": {} if "token" in faults else as_user(caller),
        "json": body,
    }
    if "bad token" in faults:
        arguments["headers"]["Authorization"] = "Bearer nonsense"
    if "accept" in faults:
        arguments["headers"]["Accept"] = "text/html"
    if "target" in faults:
        # In the path: the test client leaves `query_string` out of the raw target.
        arguments["path"] += "?x=" + "x" * 9000
    if {"size", "syntax"} & set(faults):
        del arguments["json"]
        arguments["data"] = TOO_LARGE if "size" in faults else "{"
        arguments["content_type"] = "application/json"
    return arguments


def pairs(order: list[str]) -> list[tuple[str, str]]:
    """Every fault alone, and every earlier one with every later one."""
    both = [pair for pair in combinations(order, 2) if pair != ("token", "bad token")]
    return [(fault, fault) for fault in order] + both


def refusal(client: FlaskClient, arguments: dict[str, Any]) -> tuple[int, set[str]]:
    response = client.open(**arguments)
    return response.status_code, set(errors_of(response).values())


def expected(fault: str) -> tuple[int, set[str]]:
    status, code = REFUSALS[fault]
    return status, {code}


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize(("first", "second"), pairs(BY_PATH))
def test_where_the_path_names_the_user(
    client: FlaskClient, method: str, first: str, second: str
) -> None:
    arguments = request_with((first, second), method, path_of(7))
    assert refusal(client, arguments) == expected(first)


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize(("first", "second"), pairs(BY_BODY))
def test_where_the_body_names_the_user(
    client: FlaskClient, method: str, first: str, second: str
) -> None:
    arguments = request_with((first, second), method, PATH)
    assert refusal(client, arguments) == expected(first)


@ON_BOTH
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("path", FORMS)
def test_a_pair_that_is_not_there_comes_last(client: FlaskClient, method: str, path: str) -> None:
    assert refusal(client, request_with((), method, path)) == expected("not there")


@pytest.mark.parametrize("second", ["method", *AFTER_THE_TARGET])
def test_a_path_that_does_not_exist_comes_first(client: FlaskClient, second: str) -> None:
    arguments = request_with(("path", second), "POST", PATH)
    assert refusal(client, arguments) == expected("path")


@pytest.mark.parametrize("second", AFTER_THE_TARGET)
@pytest.mark.parametrize("path", FORMS)
def test_a_method_that_is_not_allowed_comes_before_the_token(
    client: FlaskClient, path: str, second: str
) -> None:
    arguments = request_with(("method", second), "POST", path)
    assert refusal(client, arguments) == expected("method")


CREATE = ["accept", "size", "syntax", "field", "body's user", "limit", "unique"]


@ON_BOTH
@pytest.mark.parametrize(("first", "second"), pairs(CREATE))
def test_where_a_create_meets_what_is_stored(
    make_app: Callable[..., Flask], first: str, second: str
) -> None:
    client = make_app(MAX_ASSOCIATIONS_PER_USER="1").test_client()
    if "unique" in (first, second):
        assert client.post(PATH, json=facebook(user_id=5), headers=as_user(5)).status_code == 201
    if "limit" in (first, second):
        body = facebook(ext_id="fb-2")
        assert client.post(PATH, json=body, headers=as_user(7)).status_code == 201
    assert refusal(client, request_with((first, second), "POST", PATH)) == expected(first)


@ON_BOTH
@pytest.mark.parametrize("second", ["limit", "unique"])
def test_the_paths_user_comes_before_what_is_stored(
    make_app: Callable[..., Flask], second: str
) -> None:
    client = make_app(MAX_ASSOCIATIONS_PER_USER="1").test_client()
    taken = facebook() if second == "unique" else facebook(ext_id="fb-2")
    assert client.post(PATH, json=taken, headers=as_user(7)).status_code == 201
    arguments = request_with(("path's user",), "POST", path_of(7))
    assert refusal(client, arguments) == expected("path's user")


HTML = {"Accept": "text/html"}
LOOKUP = {"provider": "facebook", "ext_id": "fb-1"}
BROKEN = LOOKUP | {"ext_id": " "}
UNKNOWN = LOOKUP | {"x": "1"}


@pytest.mark.parametrize(
    ("sign_in", "query", "headers", "status"),
    [
        (dict, LOOKUP, {}, 401),
        (dict, LOOKUP, HTML, 401),
        (dict, BROKEN, {}, 401),
        (as_admin, BROKEN, HTML, 406),
        (as_user, LOOKUP, HTML, 406),
        (as_user, BROKEN, {}, 400),
        (as_user, UNKNOWN, {}, 400),
        (as_user, LOOKUP, {}, 403),
    ],
    ids=["401", "401-406", "401-400", "406-400", "406-403", "400-403", "unknown-403", "403"],
)
def test_where_the_look_up_is_refused(
    client: FlaskClient,
    sign_in: Callable[[], dict[str, str]],
    query: dict[str, str],
    headers: dict[str, str],
    status: int,
) -> None:
    response = client.get(PATH, query_string=query, headers=sign_in() | headers)
    assert response.status_code == status


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("user_id=07", HTML | {"Authorization": "Bearer nonsense"}, 401),
        ("user_id=07", HTML, 406),
        ("", HTML, 406),
        ("user_id=07", {}, 400),
    ],
    ids=["401-406-400", "406-400", "406-400 no user", "400"],
)
def test_where_the_list_is_refused(
    client: FlaskClient, query: str, headers: dict[str, str], status: int
) -> None:
    assert client.get(f"{PATH}?{query}", headers=headers).status_code == status
