"""The published description is true of the service that publishes it."""

import pytest
from flask.testing import FlaskClient

from tests.api import openapi
from tests.api.openapi import FIRST, SECOND, Document, Json
from tests.support.databases import ON_ONE
from tests.support.factories import PATH, as_admin, as_user, external, facebook

pytestmark = ON_ONE

FORMS = pytest.mark.parametrize("path", [FIRST, SECOND])


@pytest.fixture
def document(client: FlaskClient) -> Document:
    return openapi.read(client)


def check_branches(document: Document, schema: Json) -> None:
    """Assert that one alternative has `metadata`, another `profile_url`, and none has both."""
    branches = [set(branch["properties"]) for branch in document.branches(schema)]
    kinds = {(names & {"metadata", "profile_url"}).pop() for names in branches}
    assert kinds == {"metadata", "profile_url"}
    assert not [names for names in branches if names >= kinds]


@FORMS
@pytest.mark.parametrize("method", ["post", "patch"])
def test_a_body_has_a_branch_for_external_and_one_for_the_others(
    document: Document, path: str, method: str
) -> None:
    check_branches(document, document.body(path, method)["schema"])


@FORMS
@pytest.mark.parametrize(("method", "status"), [("post", "201"), ("post", "200"), ("patch", "200")])
def test_a_representation_has_a_branch_for_external_and_one_for_the_others(
    document: Document, path: str, method: str, status: str
) -> None:
    check_branches(document, document.response(path, method, status))


@FORMS
def test_a_list_holds_both_branches(document: Document, path: str) -> None:
    schema = document.response(path, "get", "200")
    assert schema["type"] == "array"
    check_branches(document, schema["items"])


ACCEPTED = [
    facebook(),
    facebook(profile_url="https://example.com/x", show_in_profile=True),
    facebook(profile_url=None),
    facebook(user_id="7"),
    facebook(ext_id=5),
    external(),
    external(metadata={"a": 1}),
    external(metadata='{"a": 1}'),
    external(metadata=None),
    external(user_id="7", ext_id=5),
]
REFUSED = [
    facebook(metadata={"a": 1}),
    external(profile_url="https://example.com/x"),
    external(show_in_profile=True),
    facebook(unknown=1),
    facebook(show_in_profile=None),
    facebook(show_in_profile="true"),
    facebook(show_in_profile=1),
    facebook(profile_url=5),
    external(metadata=[]),
    facebook(provider="Facebook"),
    facebook(provider=None),
    facebook(ext_id=""),
    facebook(ext_id="x" * 256),
    facebook(ext_id=True),
    facebook(user_id=0),
    facebook(user_id=2**63),
    facebook(user_id="07"),
    facebook(user_id=True),
    {"user_id": 7, "provider": "facebook"},
    {"user_id": 7, "ext_id": "fb-1"},
]


@pytest.mark.parametrize("body", ACCEPTED)
def test_a_body_that_the_service_accepts_is_described(
    client: FlaskClient, document: Document, body: Json
) -> None:
    assert client.post(PATH, json=body, headers=as_user(7)).status_code == 201
    assert document.accepts(document.body(FIRST, "post")["schema"], body)


@pytest.mark.parametrize("body", REFUSED)
def test_a_body_that_the_service_refuses_is_not_described(
    client: FlaskClient, document: Document, body: Json
) -> None:
    assert client.post(PATH, json=body, headers=as_user(7)).status_code == 400
    assert not document.accepts(document.body(FIRST, "post")["schema"], body)


def test_the_user_need_not_be_named_beside_the_path(document: Document) -> None:
    body = {"provider": "facebook", "ext_id": "fb-1"}
    assert document.accepts(document.body(SECOND, "post")["schema"], body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (facebook(profile_url=None), True),
        (facebook(show_in_profile=True), True),
        (external(metadata=None), True),
        (external(user_id="7", ext_id=5, metadata='{"a": 1}'), True),
        (facebook(metadata={"a": 1}), False),
        (external(profile_url="https://example.com/x"), False),
        (facebook(show_in_profile=None), False),
        (facebook(show_in_profile=True, unknown=1), False),
    ],
)
def test_a_change_is_described(document: Document, body: Json, expected: bool) -> None:
    assert document.accepts(document.body(FIRST, "patch")["schema"], body) == expected


@pytest.mark.parametrize("body", [facebook(), external(), external(metadata='{"a": [1]}')])
def test_what_the_service_returns_is_described(
    client: FlaskClient, document: Document, body: Json
) -> None:
    row = client.post(PATH, json=body, headers=as_user(7)).get_json()
    assert document.accepts(document.response(FIRST, "post", "201"), row)
    assert document.accepts(document.response(FIRST, "get", "200"), [row])


@pytest.mark.parametrize(
    "row",
    [
        facebook(),
        external(),
        external(profile_url=None, show_in_profile=False),
        facebook(metadata=None),
        facebook(user_id="7", profile_url=None, show_in_profile=False),
        external(metadata="{}"),
    ],
)
def test_what_the_service_never_returns_is_not_described(document: Document, row: Json) -> None:
    assert not document.accepts(document.response(FIRST, "post", "201"), row)


@FORMS
def test_the_examples_of_a_create_are_accepted(
    client: FlaskClient, document: Document, path: str
) -> None:
    shown = document.examples(document.body(path, "post"))
    assert {body["provider"] == "external" for body in shown} == {True, False}
    for body in shown:
        target = path.replace("{user_id}", str(body.get("user_id", 7)))
        response = client.post(target, json=body, headers=as_admin())
        assert response.status_code == 201, response.get_json()


@FORMS
@pytest.mark.parametrize(("method", "status"), [("patch", 200), ("delete", 204)])
def test_the_examples_of_the_other_writes_are_accepted(
    client: FlaskClient, document: Document, path: str, method: str, status: int
) -> None:
    for body in document.examples(document.body(path, method)):
        named = {"user_id": 7} | body
        target = path.replace("{user_id}", str(named["user_id"]))
        pair = {name: named[name] for name in ("user_id", "provider", "ext_id")}
        client.post(PATH, json=pair, headers=as_admin())
        sent = named if path == FIRST else body
        response = client.open(target, method=method, json=sent, headers=as_admin())
        assert response.status_code == status, response.get_json()
