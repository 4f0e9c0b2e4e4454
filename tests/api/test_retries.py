"""POST of a pair that is held already, and of one too many."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.database import db
from tests.support.factories import PATH, as_admin, as_user, errors_of, external, facebook, path_of


def stored(app: Flask) -> list[Any]:
    """Every column of every association as the database holds it."""
    with app.app_context(), db.engine.connect() as connection:
        return list(connection.execute(sa.text("SELECT * FROM social_association")))


def post(client: FlaskClient, body: Any, user_id: int = 7) -> TestResponse:
    return client.post(PATH, json=body, headers=as_user(user_id))


@pytest.fixture
def capped(make_app: Callable[..., Flask]) -> FlaskClient:
    """A client of a service that lets a user have two associations."""
    return make_app(MAX_ASSOCIATIONS_PER_USER="2").test_client()


SAME: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (facebook(), facebook()),
    (facebook(), facebook(profile_url=None, show_in_profile=False, metadata=None)),
    (facebook(show_in_profile=True), facebook(show_in_profile=True)),
    (facebook(profile_url="https://a.example/"), facebook(profile_url="https://a.example/")),
    (facebook(ext_id="5"), facebook(ext_id=5)),
    (facebook(), facebook(user_id="7")),
    (external(), external(metadata=None, profile_url=None, show_in_profile=False)),
    (external(metadata={}), external(metadata={})),
    (external(metadata={"a": 1, "b": 2}), external(metadata={"b": 2, "a": 1})),
    (external(metadata={"a": [1, {"b": None}]}), external(metadata='{"a": [1, {"b": null}]}')),
    (external(metadata={"a": 1}), external(metadata={"a": 1.0})),
    (external(metadata={"a": 1.0}), external(metadata={"a": 1})),
    (external(metadata={"a": [{"b": 100}]}), external(metadata={"a": [{"b": 1e2}]})),
    (external(metadata={"a": 0}), external(metadata={"a": -0.0})),
    (external(metadata={"a": 0.1}), external(metadata='{"a": 0.10}')),
    (external(metadata={"a": 1e23}), external(metadata={"a": 1e23})),
    (external(metadata={"a": 1e308}), external(metadata={"a": 1e308})),
    (external(metadata={"a": 5e-324}), external(metadata={"a": 5e-324})),
    (external(metadata={"a": 2**53 + 1}), external(metadata={"a": 2**53 + 1})),
]


@pytest.mark.parametrize(("first", "again"), SAME)
def test_a_retry_answers_200_with_the_representation(
    client: FlaskClient, first: dict[str, Any], again: dict[str, Any]
) -> None:
    created = post(client, first).get_json()
    response = post(client, again)
    assert (response.status_code, response.get_json()) == (200, created)


def test_a_retry_changes_nothing(app: Flask, client: FlaskClient) -> None:
    post(client, facebook())
    before = stored(app)
    post(client, facebook())
    assert stored(app) == before


@pytest.mark.parametrize("path", [PATH[:-1], path_of(7), path_of(7)[:-1]])
def test_a_retry_may_take_another_form_of_the_path(client: FlaskClient, path: str) -> None:
    post(client, facebook())
    assert client.post(path, json=facebook(), headers=as_user(7)).status_code == 200


def test_an_admin_may_retry_for_the_user(client: FlaskClient) -> None:
    post(client, facebook())
    assert client.post(PATH, json=facebook(), headers=as_admin()).status_code == 200


def test_a_create_after_a_change_is_no_retry(client: FlaskClient) -> None:
    post(client, facebook())
    client.patch(PATH, json=facebook(show_in_profile=True), headers=as_user(7))
    assert post(client, facebook()).status_code == 409


DIFFERENT: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (facebook(), facebook(show_in_profile=True)),
    (facebook(show_in_profile=True), facebook()),
    (facebook(), facebook(profile_url="https://a.example/")),
    (facebook(profile_url="https://a.example/"), facebook()),
    (facebook(profile_url="https://a.example/"), facebook(profile_url="https://a.example/b")),
    (facebook(profile_url="https://a.example/"), facebook(profile_url="https://A.example/")),
    (external(), external(metadata={})),
    (external(metadata={}), external()),
    (external(metadata={"a": 1}), external(metadata={"a": 2})),
    (external(metadata={"a": 1}), external(metadata={"a": True})),
    (external(metadata={"a": True}), external(metadata={"a": 1})),
    (external(metadata={"a": [0]}), external(metadata={"a": [False]})),
    (external(metadata={"a": {"b": False}}), external(metadata={"a": {"b": 0.0}})),
    (external(metadata={"a": 1}), external(metadata={"a": "1"})),
    (external(metadata={"a": "x"}), external(metadata={"a": "X"})),
    (external(metadata={"a": "\u00e9"}), external(metadata={"a": "e\u0301"})),
    (external(metadata={"a": None}), external(metadata={})),
    (external(metadata={"a": 1}), external(metadata={"a": 1, "b": None})),
    (external(metadata={"a": [1, 2]}), external(metadata={"a": [2, 1]})),
    (external(metadata={"a": []}), external(metadata={"a": {}})),
    (external(metadata={"a": 2**53 + 1}), external(metadata={"a": float(2**53)})),
]


@pytest.mark.parametrize(("first", "again"), DIFFERENT)
def test_the_same_pair_with_other_values_is_a_conflict(
    client: FlaskClient, first: dict[str, Any], again: dict[str, Any]
) -> None:
    post(client, first)
    response = post(client, again)
    assert (response.status_code, errors_of(response)) == (409, {None: "unique"})


def test_a_conflict_changes_nothing(app: Flask, client: FlaskClient) -> None:
    post(client, facebook())
    before = stored(app)
    post(client, facebook(show_in_profile=True))
    assert stored(app) == before


@pytest.mark.parametrize("body", [facebook(), external(metadata={"a": 1})], ids=["fb", "ext"])
def test_two_users_cannot_hold_the_same_pair(client: FlaskClient, body: dict[str, Any]) -> None:
    post(client, body)
    response = post(client, body | {"user_id": 8}, user_id=8)
    assert (response.status_code, errors_of(response)) == (409, {None: "unique"})


def test_an_admin_cannot_move_a_pair_to_another_user(client: FlaskClient) -> None:
    post(client, facebook())
    response = client.post(PATH, json=facebook(user_id=8), headers=as_admin())
    assert response.status_code == 409


def test_a_conflict_does_not_show_whose_the_pair_is(client: FlaskClient) -> None:
    post(client, facebook())
    own = post(client, facebook(show_in_profile=True))
    others = post(client, facebook(user_id=8), user_id=8)
    assert own.data == others.data


def test_a_conflict_is_about_the_request_as_a_whole(client: FlaskClient) -> None:
    post(client, facebook())
    response = post(client, facebook(show_in_profile=True))
    assert ["field" in error for error in response.get_json()["errors"]] == [False]


def test_a_pair_is_free_again_when_deleted(client: FlaskClient) -> None:
    post(client, facebook())
    client.delete(PATH, json=facebook(), headers=as_user(7))
    assert post(client, facebook(user_id=8), user_id=8).status_code == 201


def test_the_cap_is_reached_by_exactly_so_many(capped: FlaskClient) -> None:
    answers = [post(capped, facebook(ext_id=n)).status_code for n in range(3)]
    assert answers == [201, 201, 409]


def test_the_cap_is_100_by_default(client: FlaskClient) -> None:
    answers = [post(client, facebook(ext_id=n)).status_code for n in range(101)]
    assert answers == [201] * 100 + [409]


def test_one_over_the_cap_is_refused_as_limit_without_a_field(capped: FlaskClient) -> None:
    post(capped, facebook())
    post(capped, external())
    response = post(capped, facebook(ext_id="fb-2"))
    assert (response.status_code, errors_of(response)) == (409, {None: "limit"})


def test_the_cap_may_be_1(make_app: Callable[..., Flask]) -> None:
    client = make_app(MAX_ASSOCIATIONS_PER_USER="1").test_client()
    answers = [post(client, facebook(ext_id=n)).status_code for n in range(2)]
    assert answers == [201, 409]


def test_the_cap_counts_one_user_only(capped: FlaskClient) -> None:
    post(capped, facebook())
    post(capped, external())
    assert post(capped, facebook(user_id=8, ext_id="fb-2"), user_id=8).status_code == 201


def test_the_cap_binds_an_admin_too(capped: FlaskClient) -> None:
    post(capped, facebook())
    post(capped, external())
    response = capped.post(PATH, json=facebook(ext_id="fb-2"), headers=as_admin())
    assert (response.status_code, errors_of(response)) == (409, {None: "limit"})


def test_a_deleted_association_makes_room_below_the_cap(capped: FlaskClient) -> None:
    post(capped, facebook())
    post(capped, external())
    capped.delete(PATH, json=external(), headers=as_user(7))
    assert post(capped, facebook(ext_id="fb-2")).status_code == 201


def test_an_exact_retry_at_the_cap_is_still_a_retry(capped: FlaskClient) -> None:
    post(capped, facebook())
    post(capped, external())
    assert post(capped, facebook()).status_code == 200


def test_at_the_cap_an_own_and_anothers_pair_are_refused_alike(capped: FlaskClient) -> None:
    post(capped, facebook())
    post(capped, external())
    post(capped, facebook(user_id=8, ext_id="fb-8"), user_id=8)
    own = post(capped, facebook(show_in_profile=True))
    others = post(capped, facebook(ext_id="fb-8"))
    assert (errors_of(own), own.data) == ({None: "limit"}, others.data)


def test_a_change_is_possible_at_the_cap(capped: FlaskClient) -> None:
    post(capped, facebook())
    post(capped, external())
    body = facebook(show_in_profile=True)
    assert capped.patch(PATH, json=body, headers=as_user(7)).status_code == 200


def test_white_space_and_key_order_of_a_body_do_not_matter(client: FlaskClient) -> None:
    post(client, facebook())
    data = json.dumps(dict(reversed(facebook().items())), indent=4)
    response = client.post(PATH, data=data, content_type="application/json", headers=as_user(7))
    assert response.status_code == 200
