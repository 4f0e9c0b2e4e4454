"""DELETE: the pair in a JSON body or in the query."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.factories import PATH, as_admin, as_user, errors_of, external, facebook, path_of

SignIn = Callable[[], dict[str, str]]
FORMS = [PATH, PATH[:-1], path_of(7), path_of(7)[:-1]]
PAIR = {"provider": "facebook", "ext_id": "fb-1"}


@pytest.fixture
def stocked(client: FlaskClient) -> FlaskClient:
    """User 7 has `fb-1` and `fb-2` at facebook."""
    for ext_id in ("fb-1", "fb-2"):
        client.post(PATH, json=facebook(ext_id=ext_id), headers=as_user(7))
    return client


def delete(
    client: FlaskClient, path: str, place: str, named: dict[str, Any], headers: dict[str, str]
) -> TestResponse:
    """Name the association in the body (`json`) or in the query (`query_string`)."""
    if place == "json":
        return client.delete(path, json=named, headers=headers)
    return client.delete(path, query_string=named, headers=headers)


def left(client: FlaskClient) -> list[str]:
    listed: list[dict[str, Any]] = client.get(path_of(7), headers=as_admin()).get_json()
    return [item["ext_id"] for item in listed]


@pytest.mark.parametrize("path", FORMS)
def test_every_form_of_the_path_takes_the_pair_in_the_body(stocked: FlaskClient, path: str) -> None:
    response = stocked.delete(path, json=facebook(), headers=as_user(7))
    assert (response.status_code, response.data) == (204, b"")


@pytest.mark.parametrize("path", FORMS)
def test_every_form_of_the_path_takes_the_pair_in_the_query(
    stocked: FlaskClient, path: str
) -> None:
    response = stocked.delete(path, query_string=facebook(), headers=as_user(7))
    assert (response.status_code, response.data) == (204, b"")


@pytest.mark.parametrize("place", ["json", "query_string"])
@pytest.mark.parametrize("path", [path_of(7), path_of(7)[:-1]])
def test_the_path_names_the_user(stocked: FlaskClient, path: str, place: str) -> None:
    response = delete(stocked, path, place, PAIR, as_user(7))
    assert response.status_code == 204


@pytest.mark.parametrize("place", ["json", "query_string"])
def test_only_the_association_named_goes(stocked: FlaskClient, place: str) -> None:
    delete(stocked, PATH, place, facebook(), as_user(7))
    assert left(stocked) == ["fb-2"]


@pytest.mark.parametrize("place", ["json", "query_string"])
def test_an_admin_deletes_for_the_user_named(stocked: FlaskClient, place: str) -> None:
    response = delete(stocked, PATH, place, facebook(), as_admin())
    assert response.status_code == 204


@pytest.mark.parametrize("place", ["json", "query_string"])
def test_the_first_form_needs_the_user(stocked: FlaskClient, place: str) -> None:
    response = delete(stocked, PATH, place, PAIR, as_user(7))
    assert (response.status_code, errors_of(response)) == (400, {"user_id": "required"})


@pytest.mark.parametrize("sign_in", [as_user, as_admin], ids=["the user", "admin"])
@pytest.mark.parametrize("place", ["json", "query_string"])
def test_a_user_id_other_than_the_paths_is_refused(
    stocked: FlaskClient, place: str, sign_in: SignIn
) -> None:
    response = delete(stocked, path_of(7), place, facebook(user_id=8), sign_in())
    assert (response.status_code, errors_of(response)) == (400, {"user_id": "mismatch"})


def test_a_user_id_in_the_query_is_compared_also_beside_a_body(stocked: FlaskClient) -> None:
    response = stocked.delete(f"{path_of(7)}?user_id=8", json=PAIR, headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (400, {"user_id": "mismatch"})


def test_what_was_refused_is_still_there(stocked: FlaskClient) -> None:
    stocked.delete(path_of(7), json=facebook(user_id=8), headers=as_admin())
    assert left(stocked) == ["fb-1", "fb-2"]


def test_the_pair_in_the_body_goes_before_the_querys(stocked: FlaskClient) -> None:
    query = facebook(ext_id="fb-2")
    stocked.delete(PATH, json=facebook(), query_string=query, headers=as_user(7))
    assert left(stocked) == ["fb-2"]


def test_a_body_with_the_pair_ignores_even_a_broken_pair_in_the_query(
    stocked: FlaskClient,
) -> None:
    query = {"provider": "No", "ext_id": ""}
    response = stocked.delete(path_of(7), json=facebook(), query_string=query, headers=as_user(7))
    assert response.status_code == 204


def test_an_empty_body_of_type_json_leaves_the_query_in_charge(stocked: FlaskClient) -> None:
    response = stocked.delete(
        PATH, content_type="application/json", query_string=facebook(), headers=as_user(7)
    )
    assert response.status_code == 204


@pytest.mark.parametrize("field", ["provider", "ext_id"])
@pytest.mark.parametrize("place", ["json", "query_string"])
@pytest.mark.parametrize("path", [PATH, path_of(7)])
def test_the_pair_is_required(stocked: FlaskClient, path: str, place: str, field: str) -> None:
    named = facebook()
    del named[field]
    response = delete(stocked, path, place, named, as_user(7))
    assert (response.status_code, errors_of(response)) == (400, {field: "required"})


def test_without_body_and_query_everything_is_required(stocked: FlaskClient) -> None:
    response = stocked.delete(PATH, headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (
        400,
        {"user_id": "required", "provider": "required", "ext_id": "required"},
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user_id", "07"),
        ("user_id", "0"),
        ("provider", "Facebook"),
        ("provider", ""),
        ("ext_id", ""),
        ("ext_id", "fb-1 "),
        ("ext_id", "fb\x00"),
        ("ext_id", "x" * 256),
    ],
)
@pytest.mark.parametrize("place", ["json", "query_string"])
def test_what_breaks_its_rule_is_refused(
    stocked: FlaskClient, place: str, field: str, value: str
) -> None:
    named = facebook() | {field: value}
    response = delete(stocked, PATH, place, named, as_user(7))
    assert (response.status_code, set(errors_of(response))) == (400, {field})


@pytest.mark.parametrize(
    "other",
    [
        {"nonsense": 1},
        {"profile_url": "no url", "show_in_profile": None},
        {"metadata": ["no", "object"]},
        {"metadata": {"a": "\x00"}},
        {"created_at": "2026-11-23"},
    ],
)
def test_other_fields_of_the_body_are_ignored(stocked: FlaskClient, other: dict[str, Any]) -> None:
    response = stocked.delete(PATH, json=facebook(**other), headers=as_user(7))
    assert response.status_code == 204


@pytest.mark.parametrize("place", ["json", "query_string"])
def test_the_second_form_takes_no_other_query_parameters(stocked: FlaskClient, place: str) -> None:
    response = stocked.open(
        f"{path_of(7)}?provider=facebook&ext_id=fb-1&x=1",
        method="DELETE",
        headers=as_user(7),
        json=PAIR if place == "json" else None,
    )
    assert (response.status_code, errors_of(response)) == (400, {"x": "unknown"})


def test_a_second_delete_finds_nothing(stocked: FlaskClient) -> None:
    stocked.delete(PATH, json=facebook(), headers=as_user(7))
    response = stocked.delete(PATH, json=facebook(), headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (404, {None: "not_found"})


@pytest.mark.parametrize(
    "change", [{"ext_id": "FB-1"}, {"ext_id": "fb-_"}, {"provider": "google"}], ids=str
)
@pytest.mark.parametrize("place", ["json", "query_string"])
def test_the_pair_is_compared_exactly(
    stocked: FlaskClient, place: str, change: dict[str, str]
) -> None:
    named = facebook() | change
    response = delete(stocked, PATH, place, named, as_user(7))
    assert response.status_code == 404


def test_a_pair_that_somebody_else_has_is_not_found_in_the_same_words(
    stocked: FlaskClient,
) -> None:
    held = stocked.delete(PATH, json=facebook(user_id=8), headers=as_user(8))
    free = stocked.delete(PATH, json=facebook(user_id=8, ext_id="x"), headers=as_user(8))
    assert (held.status_code, held.data) == (404, free.data)


def test_a_pair_that_somebody_else_has_is_not_deleted(stocked: FlaskClient) -> None:
    stocked.delete(PATH, json=facebook(user_id=8), headers=as_user(8))
    assert left(stocked) == ["fb-1", "fb-2"]


def test_even_an_admin_names_the_user_who_has_it(stocked: FlaskClient) -> None:
    response = stocked.delete(PATH, json=facebook(user_id=8), headers=as_admin())
    assert response.status_code == 404


@pytest.mark.parametrize("body", [[], "x", 7, None], ids=repr)
def test_a_body_that_is_not_an_object_is_refused(stocked: FlaskClient, body: Any) -> None:
    response = stocked.delete(
        path_of(7), data=json.dumps(body), content_type="application/json", headers=as_user(7)
    )
    assert (response.status_code, errors_of(response)) == (400, {None: "invalid"})


@pytest.mark.parametrize("content_type", [None, "text/plain"])
def test_a_body_of_another_media_type_is_refused(
    stocked: FlaskClient, content_type: str | None
) -> None:
    response = stocked.delete(
        PATH, data=json.dumps(facebook()), content_type=content_type, headers=as_user(7)
    )
    assert (response.status_code, errors_of(response)) == (400, {None: "unsupported_media_type"})


@pytest.mark.parametrize("data", [b"{", b'{"ext_id": "fb-1", "ext_id": "fb-2"}'])
def test_a_malformed_body_is_refused(stocked: FlaskClient, data: bytes) -> None:
    response = stocked.delete(
        path_of(7), data=data, content_type="application/json", headers=as_user(7)
    )
    assert (response.status_code, errors_of(response)) == (400, {None: "parse_error"})


def test_external_associations_are_deleted_alike(client: FlaskClient) -> None:
    client.post(PATH, json=external(metadata={"a": 1}), headers=as_user(7))
    assert client.delete(PATH, json=external(), headers=as_user(7)).status_code == 204


def test_links_of_unlisted_providers_can_be_deleted(
    stocked: FlaskClient, make_app: Callable[..., Flask]
) -> None:
    limited = make_app(PROVIDERS="google").test_client()
    assert limited.delete(PATH, json=facebook(), headers=as_user(7)).status_code == 204
