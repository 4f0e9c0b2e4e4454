"""GET …/search/: all associations, page by page. For admins only."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.schemas.directory import SearchQuerySchema
from service.store import admins
from tests.api import openapi
from tests.support.databases import ON_ONE
from tests.support.factories import PATH, as_admin, as_user, errors_of, external, facebook, shown

SEARCH = f"{PATH}search/"
Pair = tuple[str, str]


def link(client: FlaskClient, provider: str, ext_id: str, user_id: int = 7, by: int = 7) -> None:
    body = {"user_id": user_id, "provider": provider, "ext_id": ext_id}
    assert client.post(PATH, json=body, headers=as_admin(by)).status_code == 201


def page(client: FlaskClient, **query: Any) -> tuple[list[Pair], str | None]:
    """The pairs of a page and the cursor of the next one."""
    answer = client.get(SEARCH, query_string=query, headers=as_admin())
    assert answer.status_code == 200, answer.get_json()
    found = answer.get_json()
    assert found.keys() == {"associations", "next_cursor"}
    pairs = [(one["provider"], one["ext_id"]) for one in found["associations"]]
    return pairs, found["next_cursor"]


def pages(client: FlaskClient, **query: Any) -> Iterator[list[Pair]]:
    """Every page, by following the cursors."""
    found, cursor = page(client, **query)
    yield found
    for _ in range(100):
        if cursor is None:
            return
        found, cursor = page(client, cursor=cursor, **query)
        yield found
    pytest.fail("the cursors lead nowhere")


def every(client: FlaskClient, **query: Any) -> list[Pair]:
    return [*itertools.chain(*pages(client, **query))]


MADE = [
    # provider, ext_id, user_id, by
    ("facebook", "b", 7, 7),
    ("facebook", "a", 8, 1),
    ("facebook", "B", 8, 8),
    ("google", "a", 7, 1),
    ("google", "é😀", 9, 7),
    ("google", "z", 9, 9),
    ("external", "z", 7, 7),
    ("face-book", "c", 1, 1),
    ("facebook.com", "a", 7, 8),
]


@pytest.fixture
def made(client: FlaskClient) -> FlaskClient:
    for one in MADE:
        link(client, *one)
    return client


def expected(provider: str | None = None, created_by: int | None = None) -> list[Pair]:
    """The same out of the list above; Python sorts texts by code point."""
    return sorted(
        (of, ext_id)
        for of, ext_id, _, by in MADE
        if provider in (None, of) and created_by in (None, by)
    )


FILTERS: list[dict[str, Any]] = [
    {},
    {"provider": "facebook"},
    {"provider": "google"},
    {"provider": "nobody"},
    *({"created_by": by} for by in (1, 7, 8, 9, 12, 2**63 - 1)),
    {"provider": "google", "created_by": 7},
    {"provider": "facebook", "created_by": 7},
    {"provider": "facebook", "created_by": 9},
]


OTHERS = [*itertools.permutations(FILTERS[:2] + FILTERS[4:6], 2)]


# what is found


@pytest.mark.parametrize("limit", [1, 2, 200])
@pytest.mark.parametrize("query", FILTERS)
def test_following_the_cursors_shows_each_that_fits_once_in_its_order(
    made: FlaskClient, query: dict[str, Any], limit: int
) -> None:
    assert every(made, limit=limit, **query) == expected(**query)


@pytest.mark.parametrize("slash", ["/", ""])
def test_what_is_found_is_detailed(client: FlaskClient, slash: str) -> None:
    client.post(PATH, json=facebook(show_in_profile=True), headers=as_admin(1))
    answer = client.get(SEARCH.rstrip("/") + slash, headers=as_admin())
    (found,) = answer.get_json()["associations"]
    assert found.pop("created_at") == found.pop("updated_at")
    assert found == shown(facebook(show_in_profile=True, created_by=1))
    assert answer.get_json()["next_cursor"] is None


@pytest.mark.parametrize("by", [1, 7])
def test_by_maker_what_is_found_is_detailed_too(client: FlaskClient, by: int) -> None:
    body = external(metadata={"a": [1, None]})
    client.post(PATH, json=body, headers=as_admin(by))
    answer = client.get(f"{SEARCH}?created_by={by}", headers=as_admin())
    (found,) = answer.get_json()["associations"]
    assert found.pop("created_at").endswith("Z")
    assert found.pop("updated_at").endswith("Z")
    assert found == body | {"created_by": by}


def test_without_a_limit_a_page_holds_100(client: FlaskClient) -> None:
    for number in range(101):
        link(client, "facebook", f"{number:03}", user_id=1 + number)
    assert [len(found) for found in pages(client)] == [100, 1]
    assert [len(found) for found in pages(client, limit=200)] == [101]


def test_a_full_last_page_has_no_next_one(made: FlaskClient) -> None:
    assert page(made, limit=len(MADE)) == (expected(), None)


def test_an_empty_directory_is_one_empty_page(client: FlaskClient) -> None:
    assert page(client) == ([], None)


def test_the_limit_may_change_from_page_to_page(made: FlaskClient) -> None:
    first, cursor = page(made, limit=2)
    second, _ = page(made, limit=5, cursor=cursor)
    assert first + second == expected()[:7]


@pytest.mark.parametrize("created_by", [None, 1, 7])
def test_whatever_else_changes_each_that_is_there_all_the_while_comes_once(
    client: FlaskClient, created_by: int | None
) -> None:
    """Between any two pages some are made and some are deleted, before and behind the cursor."""
    by = created_by or 7
    stays = [("facebook", f"{number:02}-stays") for number in range(12)]
    goes = [("facebook", f"{number:02}-goes") for number in range(12)]
    for pair in stays + goes:
        link(client, *pair, by=by)
    query = {} if created_by is None else {"created_by": created_by}
    seen = []
    for number, found in enumerate(pages(client, limit=3, **query)):
        seen += found
        for nth in (number, 11 - number):
            name = {"user_id": 7, "provider": "facebook", "ext_id": f"{nth:02}-goes"}
            client.delete(PATH, json=name, headers=as_user(7))
            link(client, "facebook", f"{nth:02}-comes-{number}", by=by)
        client.patch(
            PATH, json=facebook(ext_id="05-stays", show_in_profile=True), headers=as_user()
        )
    assert [pair for pair in seen if pair in stays] == stays
    assert len(seen) == len(set(seen))


def test_a_cursor_outlives_the_association_that_it_was_made_of(made: FlaskClient) -> None:
    first, cursor = page(made, limit=2)
    assert first[-1] == ("face-book", "c")
    pair = {"user_id": 1, "provider": "face-book", "ext_id": "c"}
    assert made.delete(PATH, json=pair, headers=as_admin(1)).status_code == 204
    assert page(made, cursor=cursor) == (expected()[2:], None)


def test_the_longest_ext_id_makes_a_cursor_that_can_be_sent(client: FlaskClient) -> None:
    provider, longest = "f" * 64, "😀" * 255
    link(client, provider, longest)
    link(client, provider, longest[:-1] + "😁")
    query = {"provider": provider, "created_by": 7, "limit": 1}
    assert len(every(client, **query)) == 2


def test_an_unlisted_provider_is_found_too(
    client: FlaskClient, make_app: Callable[..., Flask]
) -> None:
    link(client, "facebook", "fb-1")
    limited = make_app(PROVIDERS="google").test_client()
    assert page(limited, provider="facebook")[0] == [("facebook", "fb-1")]


def test_who_makes_a_cursor_up_gets_the_page_behind_it(made: FlaskClient) -> None:
    query = {"provider": "google", "created_by": None, "limit": 0}
    row = type("Row", (), {"provider": "a", "ext_id": "b"})
    cursor = SearchQuerySchema().next_cursor(query, [row])
    assert page(made, provider="google", cursor=cursor)[0] == [("google", "z"), ("google", "é😀")]


# who may


@ON_ONE
def test_without_a_token_it_is_401(client: FlaskClient) -> None:
    assert client.get(SEARCH).status_code == 401


@ON_ONE
@pytest.mark.parametrize("query", ["", "?created_by=7"])
def test_who_is_no_admin_is_403(client: FlaskClient, query: str) -> None:
    answer = client.get(f"{SEARCH}{query}", headers=as_user(7))
    assert (answer.status_code, errors_of(answer)) == (403, {None: "permission_denied"})


def test_an_admin_by_a_grant_may(client: FlaskClient) -> None:
    with client.application.app_context():
        admins.grant(9)
    assert client.get(SEARCH, headers=as_user(9)).status_code == 200


# what may be asked


@ON_ONE
@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("provider=Facebook", {"provider": "invalid"}),
        ("provider=", {"provider": "invalid"}),
        ("created_by=0", {"created_by": "invalid"}),
        ("created_by=07", {"created_by": "invalid"}),
        (f"created_by={2**63}", {"created_by": "invalid"}),
        ("limit=0", {"limit": "invalid"}),
        ("limit=201", {"limit": "invalid"}),
        ("limit=", {"limit": "invalid"}),
        ("limit=010", {"limit": "invalid"}),
        ("limit=1.0", {"limit": "invalid"}),
        ("limit=%2B1", {"limit": "invalid"}),
        ("limit=%D9%A1", {"limit": "invalid"}),
        ("cursor=", {"cursor": "invalid"}),
        ("cursor=x", {"cursor": "invalid"}),
        ("cursor=x&provider=X", {"provider": "invalid"}),
        ("cursor=x&created_by=x", {"created_by": "invalid"}),
        ("user_id=7", {"user_id": "unknown"}),
        ("ext_id=a", {"ext_id": "unknown"}),
        ("offset=1", {"offset": "unknown"}),
        ("limit=1&limit=1", {"limit": "repeated"}),
        (
            "limit=x&provider=X&created_by=x&cursor=x&page=1",
            dict.fromkeys(("limit", "provider", "created_by"), "invalid") | {"page": "unknown"},
        ),
        ("limit=x&cursor=x", {"limit": "invalid", "cursor": "invalid"}),
    ],
)
def test_a_search_refuses(client: FlaskClient, query: str, errors: dict[str, str]) -> None:
    answer = client.get(f"{SEARCH}?{query}", headers=as_admin())
    assert (answer.status_code, errors_of(answer)) == (400, errors)


@ON_ONE
@pytest.mark.parametrize("limit", [1, 200])
def test_a_search_takes_its_bounds(client: FlaskClient, limit: int) -> None:
    assert page(client, limit=limit) == ([], None)


@ON_ONE
@pytest.mark.parametrize(("of", "sent_with"), OTHERS)
def test_a_cursor_of_another_filter_is_refused(
    made: FlaskClient, of: dict[str, Any], sent_with: dict[str, Any]
) -> None:
    _, cursor = page(made, limit=1, **of)
    assert cursor
    answer = made.get(SEARCH, query_string={"cursor": cursor, **sent_with}, headers=as_admin())
    assert (answer.status_code, errors_of(answer)) == (400, {"cursor": "invalid"})


@ON_ONE
def test_a_cursor_of_a_history_is_refused(made: FlaskClient) -> None:
    answer = made.get("/api/v2/user/7/provider/history/?limit=1", headers=as_admin())
    query = {"cursor": answer.get_json()["next_cursor"]}
    assert query["cursor"]
    answer = made.get(SEARCH, query_string=query, headers=as_admin())
    assert (answer.status_code, errors_of(answer)) == (400, {"cursor": "invalid"})


@ON_ONE
@pytest.mark.parametrize("slash", ["/", ""])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_405(client: FlaskClient, method: str, slash: str) -> None:
    answer = client.open(SEARCH.rstrip("/") + slash, method=method, headers=as_admin())
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


HTML = {"Accept": "text/html"}


@ON_ONE
@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("POST", HTML, 405),
        ("GET", HTML, 401),
        ("GET", as_user(7) | HTML, 403),
        ("GET", as_admin() | HTML, 406),
        ("GET", as_admin(), 400),
    ],
)
def test_refusals_come_in_their_order(
    client: FlaskClient, method: str, headers: dict[str, str], status: int
) -> None:
    answer = client.open(f"{SEARCH}?limit=x", method=method, headers=headers)
    assert answer.status_code == status


# how it is described


@ON_ONE
def test_its_parameters_are_described(client: FlaskClient) -> None:
    parameters = openapi.read(client).parameters(SEARCH, "get")
    assert {one["name"] for one in parameters} == {"provider", "created_by", "limit", "cursor"}
    assert not [one["name"] for one in parameters if one.get("required")]
    assert all(one.get("description") for one in parameters)
    (limit,) = (one["schema"] for one in parameters if one["name"] == "limit")
    assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 200, 100)


@ON_ONE
@pytest.mark.parametrize("limit", [1, 200])
def test_its_answer_is_described(made: FlaskClient, limit: int) -> None:
    document = openapi.read(made)
    schema = document.response(SEARCH, "get", "200")
    answer = made.get(f"{SEARCH}?limit={limit}", headers=as_admin()).get_json()
    assert document.accepts(schema, answer)
    for name in answer:
        lacking = {key: value for key, value in answer.items() if key != name}
        assert not document.accepts(schema, lacking), name
