"""PROVIDERS_BY_ADMIN: at these providers only admins create and change links."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.store import admins
from tests.support.databases import ON_BOTH, ON_ONE
from tests.support.factories import PATH, as_admin, as_user, errors_of, external, facebook, path_of

pytestmark = ON_ONE

FORMS = pytest.mark.parametrize("path", [PATH, path_of(7)], ids=["first form", "second form"])
WRITES = pytest.mark.parametrize("method", ["POST", "PATCH"])
CHANGE = facebook(show_in_profile=True)
OTHERS = [external(metadata={}), {**CHANGE, "provider": "google"}]


@pytest.fixture
def limited(make_app: Callable[..., Flask]) -> Flask:
    return make_app(PROVIDERS_BY_ADMIN="facebook, keycloak")


@pytest.fixture
def client(limited: Flask) -> FlaskClient:
    return limited.test_client()


def link(client: FlaskClient, body: dict[str, Any]) -> Any:
    answer = client.post(PATH, json=body, headers=as_admin())
    assert answer.status_code == 201
    return answer.get_json()


@FORMS
def test_the_user_may_not_link_there(client: FlaskClient, path: str) -> None:
    answer = client.post(path, json=facebook(), headers=as_user(7))
    assert (answer.status_code, errors_of(answer)) == (403, {None: "permission_denied"})
    assert client.get(path_of(7), headers=as_user(7)).get_json() == []


@FORMS
def test_the_user_may_not_change_a_link_there(client: FlaskClient, path: str) -> None:
    before = link(client, facebook())
    answer = client.patch(path, json=CHANGE, headers=as_user(7))
    assert (answer.status_code, errors_of(answer)) == (403, {None: "permission_denied"})
    assert client.get(path_of(7), headers=as_user(7)).get_json() == [before]


def test_nor_repeat_what_an_admin_made(client: FlaskClient) -> None:
    link(client, facebook())
    assert client.post(PATH, json=facebook(), headers=as_user(7)).status_code == 403


@FORMS
def test_the_user_sees_and_deletes_it(client: FlaskClient, path: str) -> None:
    made = link(client, facebook())
    assert client.get(PATH, headers=as_user(7)).get_json() == [made]
    assert client.delete(path, json=facebook(), headers=as_user(7)).status_code == 204


@FORMS
@pytest.mark.parametrize("body", OTHERS, ids=["external", "google"])
def test_at_other_providers_all_is_as_ever(
    client: FlaskClient, path: str, body: dict[str, Any]
) -> None:
    assert client.post(path, json=body, headers=as_user(7)).status_code == 201
    assert client.patch(path, json=body, headers=as_user(7)).status_code == 200


@FORMS
@WRITES
@pytest.mark.parametrize("admin", [1, 7], ids=["another's", "their own"])
def test_an_admin_by_claim_links_there(
    client: FlaskClient, path: str, method: str, admin: int
) -> None:
    if method == "PATCH":
        link(client, facebook())
    answer = client.open(path, method=method, json=CHANGE, headers=as_admin(admin))
    assert answer.status_code == (201 if method == "POST" else 200)


@ON_BOTH
@FORMS
@WRITES
@pytest.mark.parametrize("admin", [1, 7], ids=["another's", "their own"])
def test_an_admin_by_grant_links_there_until_it_is_withdrawn(
    limited: Flask, client: FlaskClient, path: str, method: str, admin: int
) -> None:
    def send(ext_id: str) -> int:
        body = {**CHANGE, "ext_id": ext_id}
        return client.open(path, method=method, json=body, headers=as_user(admin)).status_code

    for ext_id in ("one", "two") if method == "PATCH" else ():
        link(client, facebook(ext_id=ext_id))
    with limited.app_context():
        admins.grant(admin)
    assert send("one") == (201 if method == "POST" else 200)
    with limited.app_context():
        admins.revoke(admin)
    assert send("two") == 403


@FORMS
@WRITES
def test_what_is_wrong_with_the_body_comes_first(
    client: FlaskClient, path: str, method: str
) -> None:
    answer = client.open(path, method=method, json=facebook(ext_id=" "), headers=as_user(7))
    assert (answer.status_code, errors_of(answer)["ext_id"]) == (400, "invalid")


@pytest.mark.parametrize(("method", "existing"), [("POST", facebook(user_id=8)), ("PATCH", None)])
def test_it_comes_before_what_is_stored(client: FlaskClient, method: str, existing: Any) -> None:
    if existing:
        link(client, existing)
    assert client.open(PATH, method=method, json=CHANGE, headers=as_user(7)).status_code == 403


def test_a_transfer_may_bring_one(client: FlaskClient) -> None:
    link(client, facebook())
    body = {"to_user_id": 9, "all": True}
    assert client.post(f"{path_of(7)}transfer/", json=body, headers=as_admin()).status_code == 200


def test_with_providers_both_lists_count(make_app: Callable[..., Flask]) -> None:
    client = make_app(PROVIDERS="google", PROVIDERS_BY_ADMIN="google,facebook").test_client()
    statuses = [
        client.post(PATH, json=facebook(provider=provider), headers=headers).status_code
        for provider in ("google", "facebook")
        for headers in (as_user(7), as_admin())
    ]
    assert statuses == [403, 201, 400, 400]


def test_the_refusal_is_logged_with_whose_and_where(
    client: FlaskClient, capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    client.post(PATH, json=facebook(), headers=as_user(7))
    (line,) = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert (line["outcome"], line["user_id"], line["provider"]) == ("refused", 7, "facebook")
