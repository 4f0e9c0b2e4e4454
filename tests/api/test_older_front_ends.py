"""The forms older front ends send, and where that leniency ends."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.databases import ON_ONE
from tests.support.factories import PATH, as_user, errors_of, external, facebook, path_of

pytestmark = ON_ONE


def test_user_id_may_be_a_decimal_string_and_comes_back_as_an_integer(
    client: FlaskClient,
) -> None:
    response = client.post(PATH, json=facebook(user_id="7"), headers=as_user(7))
    assert (response.status_code, response.get_json()["user_id"]) == (201, 7)


def test_a_string_user_id_that_agrees_with_the_path_is_accepted(client: FlaskClient) -> None:
    response = client.post(path_of(7), json=facebook(user_id="7"), headers=as_user(7))
    assert response.status_code == 201


def test_a_string_user_id_that_disagrees_with_the_path_is_refused(client: FlaskClient) -> None:
    response = client.post(path_of(7), json=facebook(user_id="8"), headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (400, {"user_id": "mismatch"})


def test_a_string_user_id_of_somebody_else_is_not_permitted(client: FlaskClient) -> None:
    response = client.post(PATH, json=facebook(user_id="8"), headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (403, {None: "permission_denied"})


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_string_user_id_names_the_user_elsewhere_too(client: FlaskClient, method: str) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7))
    body = facebook(user_id="7", show_in_profile=True)
    response = client.open(PATH, method=method, json=body, headers=as_user(7))
    assert response.status_code in (200, 204)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (12345, "12345"),
        (0, "0"),
        (-5, "-5"),
        (2**53 - 1, "9007199254740991"),
        (1 - 2**53, "-9007199254740991"),
    ],
)
def test_ext_id_may_be_an_integer_and_comes_back_as_its_decimal_string(
    client: FlaskClient, sent: int, shown: str
) -> None:
    response = client.post(PATH, json=facebook(ext_id=sent), headers=as_user(7))
    assert (response.status_code, response.get_json()["ext_id"]) == (201, shown)


@pytest.mark.parametrize("ext_id", [2**53, -(2**53), 10158123456789013, 2**63, 10**300])
def test_an_integer_ext_id_that_javascript_has_rounded_is_refused(
    client: FlaskClient, ext_id: int
) -> None:
    response = client.post(PATH, json=facebook(ext_id=ext_id), headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (400, {"ext_id": "invalid"})
    assert "as a string" in response.get_json()["detail"]


def test_an_integer_ext_id_is_the_same_as_its_decimal_string(client: FlaskClient) -> None:
    client.post(PATH, json=facebook(ext_id="5"), headers=as_user(7))
    assert client.post(PATH, json=facebook(ext_id=5), headers=as_user(7)).status_code == 200


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_an_integer_ext_id_names_the_association_elsewhere_too(
    client: FlaskClient, method: str
) -> None:
    client.post(PATH, json=facebook(ext_id="5"), headers=as_user(7))
    body = facebook(ext_id=5, show_in_profile=True)
    response = client.open(PATH, method=method, json=body, headers=as_user(7))
    assert response.status_code in (200, 204)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("{}", {}),
        ('{"a": 1}', {"a": 1}),
        (' \n{"a" : [1, 2.5, "x", null, true]}\t', {"a": [1, 2.5, "x", None, True]}),
        ('{"\\u00e9": "\\ud83d\\ude00"}', {"\u00e9": "\U0001f600"}),
        ('{"a": "{}"}', {"a": "{}"}),
    ],
)
def test_metadata_may_be_a_string_and_comes_back_as_the_object(
    client: FlaskClient, sent: str, shown: dict[str, Any]
) -> None:
    response = client.post(PATH, json=external(metadata=sent), headers=as_user(7))
    assert (response.status_code, response.get_json()["metadata"]) == (201, shown)


def test_metadata_sent_as_a_string_is_an_object_in_the_list(client: FlaskClient) -> None:
    client.post(PATH, json=external(metadata='{"a": 1}'), headers=as_user(7))
    response = client.get(PATH, headers=as_user(7))
    assert response.get_json() == [external(metadata={"a": 1})]


def test_a_patch_takes_metadata_as_a_string(client: FlaskClient) -> None:
    client.post(PATH, json=external(metadata={"a": 1}), headers=as_user(7))
    response = client.patch(PATH, json=external(metadata='{"b": 2}'), headers=as_user(7))
    assert (response.status_code, response.get_json()) == (200, external(metadata={"b": 2}))


@pytest.mark.parametrize(
    "metadata",
    ["", "[]", "null", '{"a": 1, "a": 1}', '{"a": 1e999}', '{"a": "\\u0000"}',
     '{"a": "' + "x" * 16384 + '"}'],
)  # fmt: skip
def test_a_metadata_string_keeps_the_rules_of_metadata(client: FlaskClient, metadata: str) -> None:
    response = client.post(PATH, json=external(metadata=metadata), headers=as_user(7))
    assert (response.status_code, set(errors_of(response))) == (400, {"metadata"})


@pytest.mark.parametrize(
    ("field", "value"),
    [("user_id", True), ("user_id", 7.0), ("user_id", " 7"), ("provider", 7), ("ext_id", True),
     ("ext_id", 7.0), ("profile_url", 7), ("show_in_profile", "true"), ("show_in_profile", 1)],
)  # fmt: skip
def test_nothing_else_is_coerced(client: FlaskClient, field: str, value: Any) -> None:
    response = client.post(PATH, json=facebook(**{field: value}), headers=as_user(7))
    assert (response.status_code, set(errors_of(response))) == (400, {field})


@pytest.mark.parametrize(
    "create",
    [
        facebook(profile_url="https://example.com/", show_in_profile=True),
        external(metadata={"a": 1}),
    ],
    ids=["facebook", "external"],
)
def test_a_front_end_may_send_the_whole_association_back_to_delete_it(
    client: FlaskClient, create: dict[str, Any]
) -> None:
    shown = client.post(PATH, json=create, headers=as_user(7)).get_json()
    assert client.delete(PATH, json=shown, headers=as_user(7)).status_code == 204
