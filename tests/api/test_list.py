"""GET: the associations of a user, and which of them who may see."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from service.database import db
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

HIDDEN = shown(facebook())
SHOWN = shown(facebook(provider="google", ext_id="g-1", show_in_profile=True))
EXTERNAL = external(metadata={"a": 1})
ALL = [HIDDEN, SHOWN, EXTERNAL]

SignIn = Callable[[], dict[str, str]]
as_another = partial(as_user, 8)

LISTS_OF_7 = [
    f"{PATH}?user_id=7",
    f"{PATH[:-1]}?user_id=7",
    path_of(7),
    path_of(7)[:-1],
]


@pytest.fixture
def stocked(client: FlaskClient) -> FlaskClient:
    """User 7 has one association of each kind; user 8 has one as well."""
    for body in ALL:
        assert client.post(PATH, json=body, headers=as_user(7)).status_code == 201
    others = facebook(user_id=8, ext_id="fb-8", show_in_profile=True)
    assert client.post(PATH, json=others, headers=as_user(8)).status_code == 201
    return client


@pytest.mark.parametrize("path", LISTS_OF_7)
@pytest.mark.parametrize("sign_in", [as_user, as_admin], ids=["the user", "admin"])
def test_the_user_and_admins_see_all(stocked: FlaskClient, path: str, sign_in: SignIn) -> None:
    response = stocked.get(path, headers=sign_in())
    assert (response.status_code, response.get_json()) == (200, ALL)


@pytest.mark.parametrize("path", LISTS_OF_7)
@pytest.mark.parametrize("sign_in", [dict, as_another], ids=["anonymous", "another user"])
def test_anyone_else_sees_exactly_what_is_shown_in_the_profile(
    stocked: FlaskClient, path: str, sign_in: SignIn
) -> None:
    response = stocked.get(path, headers=sign_in())
    assert (response.status_code, response.get_json()) == (200, [SHOWN])


@pytest.mark.parametrize("path", [PATH, PATH[:-1]])
def test_without_a_user_id_a_caller_sees_their_own(stocked: FlaskClient, path: str) -> None:
    response = stocked.get(path, headers=as_user(7))
    assert (response.status_code, response.get_json()) == (200, ALL)


def test_without_a_user_id_an_admin_sees_their_own(stocked: FlaskClient) -> None:
    assert stocked.get(PATH, headers=as_admin()).get_json() == []


def test_without_a_user_id_an_anonymous_caller_is_refused(client: FlaskClient) -> None:
    response = client.get(PATH)
    assert (response.status_code, errors_of(response)) == (400, {"user_id": "required"})


@pytest.mark.parametrize("sign_in", [dict, as_user, as_admin], ids=["anon", "user", "admin"])
@pytest.mark.parametrize("path", [f"{PATH}?user_id=123456789", path_of(123456789)])
def test_an_unknown_user_gives_an_empty_array(
    client: FlaskClient, path: str, sign_in: SignIn
) -> None:
    response = client.get(path, headers=sign_in())
    assert (response.status_code, response.get_json()) == (200, [])


def test_a_user_with_nothing_to_show_looks_like_an_unknown_one(client: FlaskClient) -> None:
    client.post(PATH, json=HIDDEN, headers=as_user(7))
    hidden = client.get(path_of(7))
    unknown = client.get(path_of(6))
    assert (hidden.status_code, hidden.data) == (unknown.status_code, unknown.data)


@pytest.mark.parametrize("path", [f"{PATH}?user_id={2**63 - 1}", path_of(2**63 - 1)])
def test_the_greatest_user_id_can_be_listed(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_the_list_is_a_bare_json_array(client: FlaskClient) -> None:
    response = client.get(path_of(7))
    assert (response.mimetype, response.get_json()) == ("application/json", [])


def test_what_became_visible_is_listed_for_everyone(stocked: FlaskClient) -> None:
    stocked.patch(PATH, json=facebook(show_in_profile=True), headers=as_user(7))
    assert stocked.get(path_of(7)).get_json() == [HIDDEN | {"show_in_profile": True}, SHOWN]


def test_what_became_hidden_is_listed_for_nobody_else(stocked: FlaskClient) -> None:
    stocked.patch(PATH, json=SHOWN | {"show_in_profile": False}, headers=as_user(7))
    assert stocked.get(path_of(7)).get_json() == []


def create_all(client: FlaskClient, pairs: list[tuple[str, str]]) -> None:
    for provider, ext_id in pairs:
        body = facebook(provider=provider, ext_id=ext_id)
        assert client.post(PATH, json=body, headers=as_user(7)).status_code == 201


def pairs_of(client: FlaskClient) -> list[tuple[str, str]]:
    listed: list[dict[str, Any]] = client.get(path_of(7), headers=as_user(7)).get_json()
    return [(item["provider"], item["ext_id"]) for item in listed]


def test_the_list_is_in_the_order_of_creation(client: FlaskClient) -> None:
    pairs = [("m", "5"), ("z", "1"), ("a", "9"), ("m", "1"), ("external", "7")]
    create_all(client, pairs)
    assert pairs_of(client) == pairs


def test_a_change_does_not_move_an_association(client: FlaskClient) -> None:
    pairs = [("z", "1"), ("a", "1")]
    create_all(client, pairs)
    change = facebook(provider="z", ext_id="1", show_in_profile=True)
    client.patch(PATH, json=change, headers=as_user(7))
    assert pairs_of(client) == pairs


def test_what_was_created_anew_comes_last(client: FlaskClient) -> None:
    create_all(client, [("a", "1"), ("b", "1")])
    client.delete(PATH, json=facebook(provider="a", ext_id="1"), headers=as_user(7))
    create_all(client, [("a", "1")])
    assert pairs_of(client) == [("b", "1"), ("a", "1")]


def test_what_was_created_at_the_same_moment_is_ordered_by_the_pair(
    app: Flask, client: FlaskClient
) -> None:
    create_all(client, [("b", "2"), ("b", "1"), ("c", "1"), ("a", "3")])
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(
            sa.text(
                "UPDATE social_association"
                " SET created_at = (SELECT min(created_at) FROM social_association)"
            )
        )
    assert pairs_of(client) == [("a", "3"), ("b", "1"), ("b", "2"), ("c", "1")]


@pytest.mark.parametrize(
    "user_id", ["", "0", "-1", "+7", "07", " 7", "7.0", "me", "\u0667", "9223372036854775808"]
)
def test_a_user_id_that_breaks_its_rule_is_refused(client: FlaskClient, user_id: str) -> None:
    response = client.get(PATH, query_string={"user_id": user_id}, headers=as_user(7))
    assert (response.status_code, set(errors_of(response))) == (400, {"user_id"})


@pytest.mark.parametrize("name", ["page", "User_id", "show_in_profile", "access_token"])
def test_an_unknown_query_parameter_is_refused_by_name(client: FlaskClient, name: str) -> None:
    response = client.get(PATH, query_string={"user_id": "7", name: "1"})
    assert (response.status_code, errors_of(response)) == (400, {name: "unknown"})


@pytest.mark.parametrize("again", ["user_id=7", "user_id=8", "user_id="])
def test_a_repeated_query_parameter_is_refused(client: FlaskClient, again: str) -> None:
    response = client.get(f"{PATH}?user_id=7&{again}", headers=as_user(7))
    assert (response.status_code, set(errors_of(response))) == (400, {"user_id"})


@pytest.mark.parametrize("query", ["user_id=7", "user_id=8", "x=1", "x"])
def test_the_second_form_takes_no_query_parameters(client: FlaskClient, query: str) -> None:
    assert client.get(f"{path_of(7)}?{query}", headers=as_user(7)).status_code == 400


@pytest.mark.parametrize("path", LISTS_OF_7)
def test_head_answers_like_get_without_the_body(stocked: FlaskClient, path: str) -> None:
    response = stocked.head(path, headers=as_user(7))
    assert (response.status_code, response.mimetype, response.data) == (
        200,
        "application/json",
        b"",
    )


def test_links_of_unlisted_providers_stay_readable(
    stocked: FlaskClient, make_app: Callable[..., Flask]
) -> None:
    limited = make_app(PROVIDERS="google").test_client()
    assert limited.get(path_of(7), headers=as_user(7)).get_json() == ALL


@pytest.mark.parametrize("path", LISTS_OF_7)
def test_a_bad_token_never_reads_as_anonymous(client: FlaskClient, path: str) -> None:
    response = client.get(path, headers={"Authorization": "Bearer nonsense"})
    assert (response.status_code, errors_of(response)) == (401, {None: "invalid_token"})
