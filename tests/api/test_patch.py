"""PATCH: changing what an association says, never whose it is."""

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

URL = "https://example.com/me"
FACEBOOK = shown(facebook(profile_url=URL, show_in_profile=True))
EXTERNAL = external(metadata={"a": 1, "b": {"c": 2}})
SignIn = Callable[[], dict[str, str]]
FORMS = [PATH, PATH[:-1], path_of(7), path_of(7)[:-1]]


@pytest.fixture
def stocked(client: FlaskClient) -> FlaskClient:
    for body in (FACEBOOK, EXTERNAL):
        assert client.post(PATH, json=body, headers=as_user(7)).status_code == 201
    return client


@pytest.mark.parametrize("path", FORMS)
def test_every_form_of_the_path_changes(stocked: FlaskClient, path: str) -> None:
    response = stocked.patch(path, json=facebook(show_in_profile=False), headers=as_user(7))
    assert (response.status_code, response.get_json()) == (
        200,
        FACEBOOK | {"show_in_profile": False},
    )


@pytest.mark.parametrize(
    ("stored", "change"),
    [
        (FACEBOOK, {"profile_url": "https://example.com/you"}),
        (FACEBOOK, {"profile_url": None}),
        (FACEBOOK, {"show_in_profile": False}),
        (FACEBOOK, {"profile_url": None, "show_in_profile": False}),
        (FACEBOOK, {"profile_url": URL, "show_in_profile": True}),
        (EXTERNAL, {"metadata": {"a": 2}}),
        (EXTERNAL, {"metadata": {}}),
        (EXTERNAL, {"metadata": None}),
        (EXTERNAL, {"metadata": EXTERNAL["metadata"]}),
    ],
)
def test_only_what_is_given_changes(
    stocked: FlaskClient, stored: dict[str, Any], change: dict[str, Any]
) -> None:
    pair = {name: stored[name] for name in ("user_id", "provider", "ext_id")}
    response = stocked.patch(PATH, json=pair | change, headers=as_user(7))
    assert (response.status_code, response.get_json()) == (200, stored | change)


def test_a_change_is_kept(stocked: FlaskClient) -> None:
    stocked.patch(PATH, json=external(metadata={"a": 2}), headers=as_user(7))
    stocked.patch(PATH, json=facebook(profile_url=None), headers=as_user(7))
    assert stocked.get(PATH, headers=as_user(7)).get_json() == [
        FACEBOOK | {"profile_url": None},
        EXTERNAL | {"metadata": {"a": 2}},
    ]


def test_no_other_association_changes(stocked: FlaskClient) -> None:
    for other in (facebook(ext_id="fb-2"), facebook(provider="google")):
        stocked.post(PATH, json=other, headers=as_user(7))
    stocked.patch(PATH, json=facebook(show_in_profile=False), headers=as_user(7))
    listed = stocked.get(PATH, headers=as_user(7)).get_json()
    assert [item.get("profile_url") for item in listed] == [URL, None, None, None]


def test_the_same_change_twice_is_no_error(stocked: FlaskClient) -> None:
    body = facebook(show_in_profile=False)
    stocked.patch(PATH, json=body, headers=as_user(7))
    assert stocked.patch(PATH, json=body, headers=as_user(7)).status_code == 200


def test_an_admin_changes_the_association_of_the_user_named(stocked: FlaskClient) -> None:
    response = stocked.patch(PATH, json=facebook(show_in_profile=False), headers=as_admin())
    assert (response.status_code, response.get_json()["user_id"]) == (200, 7)


def test_the_path_names_the_user(stocked: FlaskClient) -> None:
    body = {"provider": "facebook", "ext_id": "fb-1", "profile_url": None}
    assert stocked.patch(path_of(7), json=body, headers=as_user(7)).status_code == 200


def test_the_first_form_needs_the_user_in_the_body(stocked: FlaskClient) -> None:
    body = {"provider": "facebook", "ext_id": "fb-1", "profile_url": None}
    response = stocked.patch(PATH, json=body, headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (400, {"user_id": "required"})


@pytest.mark.parametrize("sign_in", [as_user, as_admin], ids=["the user", "admin"])
def test_a_body_that_names_another_user_than_the_path_is_refused(
    stocked: FlaskClient, sign_in: SignIn
) -> None:
    body = facebook(user_id=8, profile_url=None)
    response = stocked.patch(path_of(7), json=body, headers=sign_in())
    assert (response.status_code, errors_of(response)) == (400, {"user_id": "mismatch"})


@pytest.mark.parametrize("field", ["provider", "ext_id"])
@pytest.mark.parametrize("path", [PATH, path_of(7)])
def test_the_pair_is_required(stocked: FlaskClient, path: str, field: str) -> None:
    body = facebook(show_in_profile=False)
    del body[field]
    response = stocked.patch(path, json=body, headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (400, {field: "required"})


@pytest.mark.parametrize("body", [facebook(), external()], ids=["facebook", "external"])
@pytest.mark.parametrize("path", [PATH, path_of(7)])
def test_a_patch_without_a_change_is_refused(
    stocked: FlaskClient, path: str, body: dict[str, Any]
) -> None:
    response = stocked.patch(path, json=body, headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (400, {None: "invalid"})


@pytest.mark.parametrize(
    "body",
    [
        facebook(metadata=None),
        external(profile_url=None),
        external(show_in_profile=False),
        external(profile_url=None, show_in_profile=False),
    ],
)
def test_a_patch_of_only_what_counts_as_not_given_is_refused(
    stocked: FlaskClient, body: dict[str, Any]
) -> None:
    response = stocked.patch(PATH, json=body, headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (400, {None: "invalid"})


@pytest.mark.parametrize("field", ["nonsense", "created_at", "new_ext_id"])
def test_an_unknown_field_is_refused_by_name(stocked: FlaskClient, field: str) -> None:
    body = facebook(show_in_profile=False, **{field: 1})
    response = stocked.patch(PATH, json=body, headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (400, {field: "unknown"})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (facebook(profile_url="no"), "profile_url"),
        (facebook(profile_url=""), "profile_url"),
        (facebook(show_in_profile="true"), "show_in_profile"),
        (facebook(show_in_profile=1), "show_in_profile"),
        (facebook(show_in_profile=None), "show_in_profile"),
        (facebook(show_in_profile=False, metadata={}), "metadata"),
        (external(metadata=[]), "metadata"),
        (external(metadata="no"), "metadata"),
        (external(metadata={"a": "\x00"}), "metadata"),
        (external(metadata={"a": "x" * 16384}), "metadata"),
        (external(metadata={"a": 2**64}), "metadata"),
        (external(metadata={}, profile_url=URL), "profile_url"),
        (external(metadata={}, show_in_profile=True), "show_in_profile"),
    ],
)
def test_a_change_keeps_the_rules_of_the_field(
    stocked: FlaskClient, body: dict[str, Any], field: str
) -> None:
    response = stocked.patch(PATH, json=body, headers=as_user(7))
    assert (response.status_code, set(errors_of(response))) == (400, {field})


def test_a_refused_change_changes_nothing(stocked: FlaskClient) -> None:
    body = facebook(show_in_profile=False, profile_url="no")
    stocked.patch(PATH, json=body, headers=as_user(7))
    assert stocked.get(PATH, headers=as_user(7)).get_json() == [FACEBOOK, EXTERNAL]


@pytest.mark.parametrize("query", ["user_id=7", "x=1"])
def test_the_second_form_takes_no_query_parameters(stocked: FlaskClient, query: str) -> None:
    body = facebook(show_in_profile=False)
    response = stocked.patch(f"{path_of(7)}?{query}", json=body, headers=as_user(7))
    assert response.status_code == 400


@pytest.mark.parametrize(
    "change",
    [{"ext_id": "fb-2"}, {"ext_id": "FB-1"}, {"provider": "google"}],
)
def test_a_pair_the_user_does_not_have_is_not_found(
    stocked: FlaskClient, change: dict[str, str]
) -> None:
    body = facebook(show_in_profile=False) | change
    response = stocked.patch(PATH, json=body, headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (404, {None: "not_found"})


def test_a_pair_that_somebody_else_has_is_not_found_in_the_same_words(
    stocked: FlaskClient,
) -> None:
    held = stocked.patch(PATH, json=facebook(user_id=8, show_in_profile=False), headers=as_user(8))
    free = stocked.patch(
        PATH, json=facebook(user_id=8, ext_id="fb-2", show_in_profile=False), headers=as_user(8)
    )
    assert (held.status_code, held.data) == (404, free.data)


def test_a_pair_that_somebody_else_has_is_not_changed(stocked: FlaskClient) -> None:
    body = facebook(user_id=8, show_in_profile=False)
    stocked.patch(PATH, json=body, headers=as_user(8))
    assert stocked.get(PATH, headers=as_user(7)).get_json() == [FACEBOOK, EXTERNAL]


def test_even_an_admin_names_the_user_who_has_it(stocked: FlaskClient) -> None:
    body = facebook(user_id=8, show_in_profile=False)
    assert stocked.patch(PATH, json=body, headers=as_admin()).status_code == 404


@pytest.mark.parametrize("body", [[], "x", 7, None], ids=repr)
def test_a_body_that_is_not_an_object_is_refused(stocked: FlaskClient, body: Any) -> None:
    response = stocked.patch(
        PATH,
        data="null" if body is None else None,
        json=body,
        content_type="application/json",
        headers=as_user(7),
    )
    assert (response.status_code, errors_of(response)) == (400, {None: "invalid"})


def test_links_of_unlisted_providers_can_be_changed(
    stocked: FlaskClient, make_app: Callable[..., Flask]
) -> None:
    limited = make_app(PROVIDERS="google").test_client()
    body = facebook(show_in_profile=False)
    assert limited.patch(PATH, json=body, headers=as_user(7)).status_code == 200
