"""GET with `provider` and `ext_id`: whose is this pair? For admins only."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.factories import (
    PATH,
    as_admin,
    as_user,
    errors_of,
    external,
    facebook,
    path_of,
    shown,
)

PAIR = {"provider": "facebook", "ext_id": "fb-1"}


@pytest.mark.parametrize("path", [PATH, PATH[:-1]])
@pytest.mark.parametrize(
    "created",
    [shown(facebook()), external(metadata={"a": 1})],
    ids=["facebook", "external"],
)
def test_an_admin_finds_the_association_of_a_pair(
    client: FlaskClient, path: str, created: dict[str, Any]
) -> None:
    client.post(PATH, json=created, headers=as_user(7))
    pair = {name: created[name] for name in ("provider", "ext_id")}
    response = client.get(path, query_string=pair, headers=as_admin())
    assert (response.status_code, response.get_json()) == (200, [created])


def test_a_pair_that_nobody_holds_gives_an_empty_array(client: FlaskClient) -> None:
    response = client.get(PATH, query_string=PAIR, headers=as_admin())
    assert (response.status_code, response.get_json()) == (200, [])


def test_only_the_pair_asked_for_is_found(client: FlaskClient) -> None:
    client.post(PATH, json=facebook(ext_id="fb-2"), headers=as_user(7))
    client.post(PATH, json=facebook(provider="google"), headers=as_user(7))
    response = client.get(PATH, query_string=PAIR, headers=as_admin())
    assert response.get_json() == []


@pytest.mark.parametrize(
    ("stored", "asked"), [("abc", "ABC"), ("\u00e9", "e\u0301"), ("abc", "ab%"), ("a b", "a  b")]
)
def test_the_pair_is_compared_exactly(client: FlaskClient, stored: str, asked: str) -> None:
    client.post(PATH, json=facebook(ext_id=stored), headers=as_user(7))
    response = client.get(PATH, query_string=PAIR | {"ext_id": asked}, headers=as_admin())
    assert response.get_json() == []


@pytest.mark.parametrize("ext_id", ["a b", "a+b&c=d", "\u00e9\U0001f600", "5", "%41"])
def test_any_ext_id_can_be_asked_for(client: FlaskClient, ext_id: str) -> None:
    client.post(PATH, json=facebook(ext_id=ext_id), headers=as_user(7))
    response = client.get(PATH, query_string=PAIR | {"ext_id": ext_id}, headers=as_admin())
    assert [found["ext_id"] for found in response.get_json()] == [ext_id]


def test_the_user_may_not_look_up_a_pair(client: FlaskClient) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7))
    response = client.get(PATH, query_string=PAIR, headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (403, {None: "permission_denied"})


def test_the_refusal_does_not_show_whether_the_pair_is_held(client: FlaskClient) -> None:
    free = client.get(PATH, query_string=PAIR, headers=as_user(8))
    client.post(PATH, json=facebook(show_in_profile=True), headers=as_user(7))
    held = client.get(PATH, query_string=PAIR, headers=as_user(8))
    assert (held.status_code, held.data) == (403, free.data)


def test_an_anonymous_caller_has_to_sign_in(client: FlaskClient) -> None:
    response = client.get(PATH, query_string=PAIR)
    assert (response.status_code, errors_of(response)) == (401, {None: "not_authenticated"})


@pytest.mark.parametrize(("given", "missing"), [("provider", "ext_id"), ("ext_id", "provider")])
def test_half_a_pair_is_refused(client: FlaskClient, given: str, missing: str) -> None:
    response = client.get(PATH, query_string={given: PAIR[given]}, headers=as_admin())
    assert (response.status_code, errors_of(response)) == (400, {missing: "required"})


def test_half_a_pair_is_refused_beside_a_user_id_too(client: FlaskClient) -> None:
    query = {"user_id": "7", "provider": "facebook"}
    assert client.get(PATH, query_string=query, headers=as_admin()).status_code == 400


def test_the_pair_does_not_go_with_a_user_id(client: FlaskClient) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7))
    response = client.get(PATH, query_string=PAIR | {"user_id": "7"}, headers=as_admin())
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("provider", ""),
        ("provider", "Facebook"),
        ("provider", "face book"),
        ("provider", "f" * 65),
        ("ext_id", ""),
        ("ext_id", " fb-1"),
        ("ext_id", "fb-1\n"),
        ("ext_id", "fb\x00"),
        ("ext_id", "f" * 256),
    ],
)
def test_a_pair_that_breaks_its_rule_is_refused(
    client: FlaskClient, field: str, value: str
) -> None:
    response = client.get(PATH, query_string=PAIR | {field: value}, headers=as_admin())
    assert (response.status_code, set(errors_of(response))) == (400, {field})


def test_everything_wrong_is_reported_at_once(client: FlaskClient) -> None:
    query = {"provider": "X", "ext_id": "", "nonsense": "1"}
    response = client.get(PATH, query_string=query, headers=as_admin())
    assert set(errors_of(response)) == {"provider", "ext_id", "nonsense"}


def test_an_unknown_query_parameter_is_refused(client: FlaskClient) -> None:
    response = client.get(PATH, query_string=PAIR | {"page": "1"}, headers=as_admin())
    assert (response.status_code, errors_of(response)) == (400, {"page": "unknown"})


@pytest.mark.parametrize("again", ["provider=facebook", "ext_id=fb-1", "ext_id=fb-2"])
def test_a_repeated_query_parameter_is_refused(client: FlaskClient, again: str) -> None:
    query = f"provider=facebook&ext_id=fb-1&{again}"
    response = client.get(f"{PATH}?{query}", headers=as_admin())
    assert response.status_code == 400


def test_the_second_form_does_not_look_up(client: FlaskClient) -> None:
    response = client.get(path_of(7), query_string=PAIR, headers=as_admin())
    assert response.status_code == 400


def test_an_unlisted_provider_can_be_looked_up(
    client: FlaskClient, make_app: Callable[..., Flask]
) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7))
    limited = make_app(PROVIDERS="google").test_client()
    response = limited.get(PATH, query_string=PAIR, headers=as_admin())
    assert (response.status_code, len(response.get_json())) == (200, 1)
