"""POST …/lookup/: who has these identities, or what do these users have? For admins only."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.store import admins
from tests.api import openapi
from tests.support.databases import ON_ONE
from tests.support.factories import PATH, as_admin, as_user, errors_of, external, facebook, shown

LOOKUP = f"{PATH}lookup/"
BY_IDENTITY = {"provider": "facebook", "ext_ids": ["fb-1"]}
BY_USER = {"user_ids": [7]}
BOTH_FORMS = pytest.mark.parametrize("body", [BY_IDENTITY, BY_USER])
LARGEST = 2**63 - 1


def link(client: FlaskClient, body: dict[str, Any]) -> None:
    assert client.post(PATH, json=body, headers=as_user(body["user_id"])).status_code == 201


def ask(client: FlaskClient, **body: Any) -> tuple[list[Any], list[Any]]:
    """What was found, by user and ext_id, and what was not."""
    answer = client.post(LOOKUP, json=body, headers=as_admin())
    assert answer.status_code == 200, answer.get_json()
    found = answer.get_json()
    assert found.keys() == {"associations", "not_found"}
    pairs = [(one["user_id"], one["ext_id"]) for one in found["associations"]]
    return pairs, found["not_found"]


@pytest.fixture
def linked(client: FlaskClient) -> FlaskClient:
    """User 7 has fb-1 and ex-1, user 8 fb-2, user 9 fb-é😀."""
    for body in (
        facebook(),
        external(),
        facebook(user_id=8, ext_id="fb-2"),
        facebook(user_id=9, ext_id="fb-é😀"),
    ):
        link(client, body)
    return client


# what is found


@BOTH_FORMS
@pytest.mark.parametrize("slash", ["/", ""])
def test_what_is_found_is_detailed(client: FlaskClient, body: dict[str, Any], slash: str) -> None:
    client.post(PATH, json=facebook(show_in_profile=True), headers=as_admin(1))
    answer = client.post(LOOKUP.rstrip("/") + slash, json=body, headers=as_admin())
    assert answer.status_code == 200
    (found,) = answer.get_json()["associations"]
    assert found.pop("created_at") == found.pop("updated_at")
    assert found == shown(facebook(show_in_profile=True, created_by=1))


def test_metadata_is_the_object_in_it(client: FlaskClient) -> None:
    link(client, external(metadata={"a": [1, None]}))
    answer = client.post(LOOKUP, json=BY_USER, headers=as_admin())
    assert answer.get_json()["associations"][0]["metadata"] == {"a": [1, None]}


def test_identities_come_in_the_order_asked(linked: FlaskClient) -> None:
    found = ask(linked, provider="facebook", ext_ids=["fb-é😀", "none-2", "fb-1", "none-1", "fb-2"])
    assert found == ([(9, "fb-é😀"), (7, "fb-1"), (8, "fb-2")], ["none-2", "none-1"])


def test_users_come_in_the_order_asked(linked: FlaskClient) -> None:
    found = ask(linked, user_ids=[9, 12, LARGEST, 7, 8])
    expected = [(9, "fb-é😀"), (7, "fb-1"), (7, "ex-1"), (8, "fb-2")]
    assert found == (expected, [12, LARGEST])


def test_a_user_s_own_come_in_the_order_of_the_list(client: FlaskClient) -> None:
    for ext_id in ("z", "a", "m"):
        link(client, facebook(ext_id=ext_id))
    listed = client.get(PATH, headers=as_user(7)).get_json()
    assert ask(client, user_ids=[7])[0] == [(7, one["ext_id"]) for one in listed]
    assert [one["ext_id"] for one in listed] == ["z", "a", "m"]


def test_an_identity_that_stands_twice_counts_once(linked: FlaskClient) -> None:
    ext_ids = ["none", "fb-2", "fb-1", "fb-2", "none"]
    assert ask(linked, provider="facebook", ext_ids=ext_ids) == (
        [(8, "fb-2"), (7, "fb-1")],
        ["none"],
    )


def test_a_user_that_stands_twice_counts_once(linked: FlaskClient) -> None:
    assert ask(linked, user_ids=[12, 8, "8", "12"]) == ([(8, "fb-2")], [12])


def test_identities_are_those_of_the_provider(linked: FlaskClient) -> None:
    assert ask(linked, provider="google", ext_ids=["fb-1", "ex-1"]) == ([], ["fb-1", "ex-1"])


@pytest.mark.parametrize(
    ("stored", "asked"), [("abc", "ABC"), ("\u00e9", "e\u0301"), ("abc", "ab%"), ("5", "5.0")]
)
def test_identities_are_compared_exactly(client: FlaskClient, stored: str, asked: str) -> None:
    link(client, facebook(ext_id=stored))
    assert ask(client, provider="facebook", ext_ids=[asked]) == ([], [asked])


def test_an_integer_is_its_decimal_string(client: FlaskClient) -> None:
    link(client, facebook(ext_id="5"))
    assert ask(client, provider="facebook", ext_ids=[5, "5", 6]) == ([(7, "5")], ["6"])


def test_500_identities_are_looked_up_at_once(linked: FlaskClient) -> None:
    ext_ids = [f"none-{number}" for number in range(499)]
    assert ask(linked, provider="facebook", ext_ids=[*ext_ids, "fb-2"]) == ([(8, "fb-2")], ext_ids)


def test_100_users_are_looked_up_at_once(linked: FlaskClient) -> None:
    others = [*range(1000, 1099)]
    assert ask(linked, user_ids=[*others, 8]) == ([(8, "fb-2")], others)


def test_an_unlisted_provider_is_looked_up_too(
    client: FlaskClient, make_app: Callable[..., Flask]
) -> None:
    link(client, facebook())
    limited = make_app(PROVIDERS="google").test_client()
    assert ask(limited, **BY_IDENTITY) == ([(7, "fb-1")], [])


# who may


@ON_ONE
@BOTH_FORMS
def test_without_a_token_it_is_401(client: FlaskClient, body: dict[str, Any]) -> None:
    assert client.post(LOOKUP, json=body).status_code == 401


@ON_ONE
@BOTH_FORMS
def test_who_is_no_admin_is_403(client: FlaskClient, body: dict[str, Any]) -> None:
    answer = client.post(LOOKUP, json=body, headers=as_user(7))
    assert (answer.status_code, errors_of(answer)) == (403, {None: "permission_denied"})


def test_an_admin_by_a_grant_may(client: FlaskClient) -> None:
    with client.application.app_context():
        admins.grant(9)
    assert client.post(LOOKUP, json=BY_USER, headers=as_user(9)).status_code == 200


# what may be asked


@ON_ONE
@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {None: "required"}),
        ({"provider": "facebook"}, {"ext_ids": "required"}),
        ({"ext_ids": ["fb-1"]}, {"provider": "required"}),
        (BY_IDENTITY | BY_USER, {"user_ids": "invalid"}),
        (BY_USER | {"provider": "facebook"}, {"user_ids": "invalid"}),
        (BY_USER | {"ext_ids": ["fb-1"]}, {"user_ids": "invalid"}),
        (
            {"provider": "F", "ext_ids": [], "user_ids": [0]},
            dict.fromkeys(("provider", "ext_ids", "user_ids"), "invalid"),
        ),
        (BY_IDENTITY | {"page": 1}, {"page": "unknown"}),
        (BY_USER | {"user_id": 7}, {"user_id": "unknown"}),
        ({"page": 1}, {None: "required", "page": "unknown"}),
        (BY_IDENTITY | {"provider": None}, {"provider": "null"}),
        (BY_IDENTITY | {"ext_ids": None}, {"ext_ids": "null"}),
        (BY_IDENTITY | {"ext_ids": "fb-1"}, {"ext_ids": "invalid"}),
        (BY_IDENTITY | {"ext_ids": {"0": "fb-1"}}, {"ext_ids": "invalid"}),
        (BY_IDENTITY | {"ext_ids": []}, {"ext_ids": "invalid"}),
        (BY_IDENTITY | {"ext_ids": ["x"] * 501}, {"ext_ids": "invalid"}),
        ({"user_ids": []}, {"user_ids": "invalid"}),
        ({"user_ids": [7] * 101}, {"user_ids": "invalid"}),
        ({"user_ids": 7}, {"user_ids": "invalid"}),
    ],
)
def test_a_lookup_refuses(
    client: FlaskClient, body: dict[str, Any], errors: dict[str | None, str]
) -> None:
    answer = client.post(LOOKUP, json=body, headers=as_admin())
    assert (answer.status_code, errors_of(answer)) == (400, errors)


@ON_ONE
@pytest.mark.parametrize(
    ("field", "good", "wrong", "code"),
    [
        ("ext_ids", "fb-1", " fb-1", "invalid"),
        ("ext_ids", "fb-1", "", "invalid"),
        ("ext_ids", "fb-1", "x" * 256, "max_length"),
        ("ext_ids", "fb-1", 2**53, "invalid"),
        ("ext_ids", "fb-1", None, "null"),
        ("ext_ids", "fb-1", True, "invalid"),
        ("ext_ids", "fb-1", ["fb-1"], "invalid"),
        ("ext_ids", "fb-1", "a\0", "invalid"),
        ("user_ids", 7, 0, "invalid"),
        ("user_ids", 7, "07", "invalid"),
        ("user_ids", 7, 2**63, "invalid"),
        ("user_ids", 7, 7.0, "invalid"),
        ("user_ids", 7, None, "null"),
    ],
)
def test_the_message_about_a_wrong_element_names_its_position(
    client: FlaskClient, field: str, good: object, wrong: object, code: str
) -> None:
    body = {field: [good, good, wrong, good, wrong]}
    body |= {"provider": "facebook"} if field == "ext_ids" else {}
    answer = client.post(LOOKUP, json=body, headers=as_admin())
    assert (answer.status_code, errors_of(answer)) == (400, {field: code})
    (entry,) = answer.get_json()["errors"]
    assert entry["messages"][0]["message"].startswith("At 2: ")


@ON_ONE
@pytest.mark.parametrize("slash", ["/", ""])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_405(client: FlaskClient, method: str, slash: str) -> None:
    answer = client.open(LOOKUP.rstrip("/") + slash, method=method, headers=as_admin())
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"OPTIONS", "POST"}


HTML = {"Accept": "text/html"}
REFUSALS: list[tuple[str, dict[str, Any]]] = [
    ("405", {"method": "GET"}),
    ("401", {"headers": {}}),
    ("403", {"headers": as_user(7)}),
    ("406", {"accept": HTML}),
    ("413", {"data": "{" + " " * 65536}),
    ("400", {"data": "{"}),
]


@ON_ONE
@pytest.mark.parametrize("first", range(len(REFUSALS)))
def test_refusals_come_in_their_order(client: FlaskClient, first: int) -> None:
    """A request with all faults but the earlier ones is refused for the first of them."""
    faults: dict[str, Any] = {"headers": as_admin(), "accept": {}, "data": "{}", "method": "POST"}
    for _, fault in reversed(REFUSALS[first:]):
        faults |= fault
    headers = faults.pop("headers") | faults.pop("accept")
    answer = client.open(LOOKUP, content_type="application/json", headers=headers, **faults)
    assert str(answer.status_code) == REFUSALS[first][0]


# how it is described


@ON_ONE
def test_the_document_says_what_to_do_where_long_ones_do_not_fit(client: FlaskClient) -> None:
    longest = {"provider": "facebook", "ext_ids": [f"{n:0255}" for n in range(500)]}
    answer = client.post(LOOKUP, json=longest, headers=as_admin())
    assert (answer.status_code, errors_of(answer)) == (413, {None: "too_large"})
    document = client.get(openapi.ADDRESS).get_json()
    form = document["components"]["schemas"]["LookupByIdentity"]
    assert "64 KiB (413): send fewer" in form["properties"]["ext_ids"]["description"]
    ask(client, **longest | {"ext_ids": longest["ext_ids"][:250]})


@ON_ONE
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (BY_IDENTITY, True),
        ({"provider": "facebook", "ext_ids": [5, "x"] * 250}, True),
        ({"user_ids": [7, "8"]}, True),
        ({}, False),
        (BY_IDENTITY | BY_USER, False),
        (BY_IDENTITY | {"page": 1}, False),
        ({"provider": "facebook"}, False),
        ({"ext_ids": ["x"]}, False),
        ({"provider": "facebook", "ext_ids": []}, False),
        ({"provider": "facebook", "ext_ids": ["x"] * 501}, False),
        ({"user_ids": ["07"]}, False),
        ({"user_ids": [7] * 101}, False),
    ],
)
def test_it_is_described_as_it_is_treated(
    client: FlaskClient, body: dict[str, Any], expected: bool
) -> None:
    document = openapi.read(client)
    status = client.post(LOOKUP, json=body, headers=as_admin()).status_code
    described = document.accepts(document.body(LOOKUP, "post")["schema"], body)
    assert (status, described) == ((200, True) if expected else (400, False))


@ON_ONE
def test_its_examples_are_accepted(client: FlaskClient) -> None:
    document = openapi.read(client)
    shown = document.examples(document.body(LOOKUP, "post"))
    assert [sorted(body) for body in shown] == [["ext_ids", "provider"], ["user_ids"]]
    for body in shown:
        assert client.post(LOOKUP, json=body, headers=as_admin()).status_code == 200


@ON_ONE
@pytest.mark.parametrize("body", [{**BY_IDENTITY, "ext_ids": ["fb-1", "x"]}, {"user_ids": [7, 8]}])
def test_its_answer_is_described(client: FlaskClient, body: dict[str, Any]) -> None:
    document = openapi.read(client)
    schema = document.response(LOOKUP, "post", "200")
    for made in (facebook(), external(metadata={"a": 1})):
        link(client, made)
    answer = client.post(LOOKUP, json=body, headers=as_admin()).get_json()
    assert answer["associations"]
    assert answer["not_found"]
    assert document.accepts(schema, answer)
    (first, *_) = answer["associations"]
    for name in first:
        lacking = {key: value for key, value in first.items() if key != name}
        assert not document.accepts(schema, answer | {"associations": [lacking]}), name
