"""POST: creating an association."""

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

SignIn = Callable[[], dict[str, str]]
FORMS = [PATH, PATH[:-1], path_of(7), path_of(7)[:-1]]


def listed(client: FlaskClient, user_id: int = 7) -> Any:
    return client.get(path_of(user_id), headers=as_admin()).get_json()


def test_a_social_provider_is_created_with_its_defaults(client: FlaskClient) -> None:
    response = client.post(PATH, json=facebook(), headers=as_user(7))
    assert response.status_code == 201
    assert response.get_json() == {
        "user_id": 7,
        "provider": "facebook",
        "ext_id": "fb-1",
        "profile_url": None,
        "show_in_profile": False,
    }


def test_external_is_created_with_its_defaults(client: FlaskClient) -> None:
    response = client.post(PATH, json=external(), headers=as_user(7))
    assert response.status_code == 201
    assert response.get_json() == external(metadata=None)


def test_a_social_provider_keeps_what_was_given(client: FlaskClient) -> None:
    body = facebook(profile_url="https://facebook.com/me", show_in_profile=True)
    response = client.post(PATH, json=body, headers=as_user(7))
    assert (response.status_code, response.get_json()) == (201, shown(body))


def test_external_keeps_what_was_given(client: FlaskClient) -> None:
    body = external(metadata={"plan": "gold", "tags": ["a", 1, None, True, 0.5]})
    response = client.post(PATH, json=body, headers=as_user(7))
    assert (response.status_code, response.get_json()) == (201, body)


def test_the_answer_is_json(client: FlaskClient) -> None:
    response = client.post(PATH, json=facebook(), headers=as_user(7))
    assert response.mimetype == "application/json"


@pytest.mark.parametrize("path", FORMS)
def test_every_form_of_the_path_creates(client: FlaskClient, path: str) -> None:
    assert client.post(path, json=facebook(), headers=as_user(7)).status_code == 201


def test_what_was_created_can_be_read(client: FlaskClient) -> None:
    created = client.post(PATH, json=facebook(), headers=as_user(7)).get_json()
    assert listed(client) == [created]


def test_the_path_names_the_user(client: FlaskClient) -> None:
    body = {"provider": "facebook", "ext_id": "fb-1"}
    response = client.post(path_of(7), json=body, headers=as_user(7))
    assert (response.status_code, response.get_json()["user_id"]) == (201, 7)


def test_the_first_form_needs_the_user_in_the_body(client: FlaskClient) -> None:
    body = {"provider": "facebook", "ext_id": "fb-1"}
    response = client.post(PATH, json=body, headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (400, {"user_id": "required"})


def test_the_first_form_does_not_take_the_user_from_the_query(client: FlaskClient) -> None:
    body = {"provider": "facebook", "ext_id": "fb-1"}
    response = client.post(f"{PATH}?user_id=7", json=body, headers=as_user(7))
    assert response.status_code == 400


@pytest.mark.parametrize("sign_in", [as_user, as_admin], ids=["the user", "admin"])
def test_a_body_that_names_another_user_than_the_path_is_refused(
    client: FlaskClient, sign_in: SignIn
) -> None:
    response = client.post(path_of(7), json=facebook(user_id=8), headers=sign_in())
    assert (response.status_code, errors_of(response)) == (400, {"user_id": "mismatch"})


def test_a_refused_body_stores_nothing(client: FlaskClient) -> None:
    client.post(path_of(7), json=facebook(user_id=8), headers=as_admin())
    assert listed(client, 7) + listed(client, 8) == []


def test_an_admin_creates_for_the_user_named(client: FlaskClient) -> None:
    client.post(PATH, json=facebook(), headers=as_admin(1))
    assert (len(listed(client, 7)), len(listed(client, 1))) == (1, 0)


def test_a_user_needs_no_provisioning_up_to_the_greatest_id(client: FlaskClient) -> None:
    user_id = 2**63 - 1
    response = client.post(PATH, json=facebook(user_id=user_id), headers=as_user(user_id))
    assert (response.status_code, response.get_json()["user_id"]) == (201, user_id)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (facebook(), facebook(ext_id="fb-2")),
        (facebook(), facebook(provider="google")),
        (facebook(ext_id="abc"), facebook(ext_id="ABC")),
        (facebook(ext_id="\u00e9"), facebook(ext_id="e\u0301")),
        (facebook(ext_id="7"), facebook(ext_id="07")),
        (facebook(ext_id="a b"), facebook(ext_id="a  b")),
        (facebook(ext_id="100%"), facebook(ext_id="100_")),
        (facebook(ext_id="ss"), facebook(ext_id="\u00df")),
    ],
    ids=[
        "several at one provider",
        "two providers",
        "case",
        "composed and decomposed",
        "leading zero",
        "inner spaces",
        "wildcards",
        "sharp s",
    ],
)
def test_pairs_that_differ_at_all_are_two_associations(
    client: FlaskClient, one: dict[str, Any], other: dict[str, Any]
) -> None:
    client.post(PATH, json=one, headers=as_user(7))
    assert client.post(PATH, json=other, headers=as_user(7)).status_code == 201


@pytest.mark.parametrize("field", ["nonsense", "created_at", "created_by", "id", "User_id", ""])
def test_an_unknown_field_is_refused_by_name(client: FlaskClient, field: str) -> None:
    response = client.post(PATH, json=facebook(**{field: 1}), headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (400, {field: "unknown"})


def test_an_unknown_field_is_refused_also_when_null(client: FlaskClient) -> None:
    response = client.post(PATH, json=facebook(nonsense=None), headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (400, {"nonsense": "unknown"})


@pytest.mark.parametrize("query", ["user_id=7", "x=1", "provider=facebook&ext_id=fb-1"])
def test_the_second_form_takes_no_query_parameters(client: FlaskClient, query: str) -> None:
    response = client.post(f"{path_of(7)}?{query}", json=facebook(), headers=as_user(7))
    assert response.status_code == 400


@pytest.mark.parametrize("body", [facebook(), external()], ids=["facebook", "external"])
def test_an_unlisted_provider_cannot_be_created(
    make_app: Callable[..., Flask], body: dict[str, Any]
) -> None:
    client = make_app(PROVIDERS="google,github").test_client()
    response = client.post(PATH, json=body, headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (400, {"provider": "invalid_choice"})


def test_an_unlisted_provider_is_refused_also_for_a_pair_that_exists(
    client: FlaskClient, make_app: Callable[..., Flask]
) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7))
    limited = make_app(PROVIDERS="google").test_client()
    response = limited.post(PATH, json=facebook(), headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (400, {"provider": "invalid_choice"})


def test_an_admin_is_bound_by_the_list_of_providers_too(make_app: Callable[..., Flask]) -> None:
    client = make_app(PROVIDERS="google").test_client()
    assert client.post(PATH, json=facebook(), headers=as_admin()).status_code == 400


@pytest.mark.parametrize("body", [facebook(), external()], ids=["facebook", "external"])
def test_a_listed_provider_is_created(make_app: Callable[..., Flask], body: dict[str, Any]) -> None:
    client = make_app(PROVIDERS="facebook,external").test_client()
    assert client.post(PATH, json=body, headers=as_user(7)).status_code == 201
