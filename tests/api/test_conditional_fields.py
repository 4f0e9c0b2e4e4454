"""Which field fits which provider.

`MATRIX` is the contract's rule, row by row: what a POST with this value says, and what a
PATCH with nothing but this value says.

STORED      the representation shows the value
NOT_GIVEN   as if the field weren't there: a POST succeeds without it, a PATCH that holds
            nothing else has nothing to change
a code      400, the error on this field and nowhere else
"""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.factories import PATH, as_user, errors_of, shown

URL = "https://example.com/me"
STORED, NOT_GIVEN = "stored", "not given"

MATRIX: list[tuple[str, str, Any, str, str]] = [
    # provider, field, value, POST, PATCH
    ("facebook", "profile_url", URL, STORED, STORED),
    ("facebook", "profile_url", None, STORED, STORED),
    ("facebook", "show_in_profile", True, STORED, STORED),
    ("facebook", "show_in_profile", False, STORED, STORED),
    ("facebook", "show_in_profile", None, "null", "null"),
    ("facebook", "metadata", {"a": 1}, "not_applicable", "not_applicable"),
    ("facebook", "metadata", {}, "not_applicable", "not_applicable"),
    ("facebook", "metadata", "{}", "not_applicable", "not_applicable"),
    ("facebook", "metadata", None, NOT_GIVEN, NOT_GIVEN),
    ("external", "profile_url", URL, "not_applicable", "not_applicable"),
    ("external", "profile_url", None, NOT_GIVEN, NOT_GIVEN),
    ("external", "show_in_profile", True, "not_applicable", "not_applicable"),
    ("external", "show_in_profile", False, NOT_GIVEN, NOT_GIVEN),
    ("external", "metadata", {"a": 1}, STORED, STORED),
    ("external", "metadata", {}, STORED, STORED),
    ("external", "metadata", None, STORED, STORED),
    # Names that merely look like `external` are providers like any other.
    ("external-1", "profile_url", URL, STORED, STORED),
    ("external-1", "show_in_profile", True, STORED, STORED),
    ("external-1", "metadata", {"a": 1}, "not_applicable", "not_applicable"),
    ("xexternal", "profile_url", URL, STORED, STORED),
    ("xexternal", "metadata", {"a": 1}, "not_applicable", "not_applicable"),
]


def named(row: tuple[str, str, Any, str, str]) -> str:
    return f"{row[0]} {row[1]} {row[2]!r}"


def without_changes(provider: str) -> dict[str, Any]:
    """The representation of an association for which only the pair was given."""
    return shown(body(provider))


def body(provider: str, **changes: Any) -> dict[str, Any]:
    return {"user_id": 7, "provider": provider, "ext_id": "id-1"} | changes


@pytest.mark.parametrize(
    ("provider", "field", "value", "verdict"),
    [row[:4] for row in MATRIX],
    ids=[named(row) for row in MATRIX],
)
def test_create_follows_the_matrix(
    client: FlaskClient, provider: str, field: str, value: Any, verdict: str
) -> None:
    response = client.post(PATH, json=body(provider, **{field: value}), headers=as_user(7))
    if verdict == STORED:
        expected = without_changes(provider) | {field: value}
        assert (response.status_code, response.get_json()) == (201, expected)
    elif verdict == NOT_GIVEN:
        assert (response.status_code, response.get_json()) == (201, without_changes(provider))
    else:
        assert (response.status_code, errors_of(response)) == (400, {field: verdict})


@pytest.mark.parametrize(
    ("provider", "field", "value", "verdict"),
    [(*row[:3], row[4]) for row in MATRIX],
    ids=[named(row) for row in MATRIX],
)
def test_patch_follows_the_matrix(
    client: FlaskClient, provider: str, field: str, value: Any, verdict: str
) -> None:
    client.post(PATH, json=body(provider), headers=as_user(7))
    response = client.patch(PATH, json=body(provider, **{field: value}), headers=as_user(7))
    if verdict == STORED:
        expected = without_changes(provider) | {field: value}
        assert (response.status_code, response.get_json()) == (200, expected)
    elif verdict == NOT_GIVEN:
        assert (response.status_code, errors_of(response)) == (400, {None: "invalid"})
    else:
        assert (response.status_code, errors_of(response)) == (400, {field: verdict})


@pytest.mark.parametrize(
    ("provider", "field", "value"),
    [row[:3] for row in MATRIX if row[4] == NOT_GIVEN],
    ids=[named(row) for row in MATRIX if row[4] == NOT_GIVEN],
)
def test_what_counts_as_not_given_does_not_stand_in_the_way_of_a_change(
    client: FlaskClient, provider: str, field: str, value: Any
) -> None:
    client.post(PATH, json=body(provider), headers=as_user(7))
    change = {"metadata": {"a": 1}} if provider == "external" else {"profile_url": URL}
    response = client.patch(
        PATH, json=body(provider, **{field: value}, **change), headers=as_user(7)
    )
    assert (response.status_code, response.get_json()) == (
        200,
        without_changes(provider) | change,
    )


def test_show_in_profile_is_never_null_on_external(client: FlaskClient) -> None:
    response = client.post(PATH, json=body("external", show_in_profile=None), headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (400, {"show_in_profile": "null"})


def test_a_patch_of_external_with_only_a_null_show_in_profile_is_refused(
    client: FlaskClient,
) -> None:
    client.post(PATH, json=body("external"), headers=as_user(7))
    response = client.patch(PATH, json=body("external", show_in_profile=None), headers=as_user(7))
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("provider", "field", "value"),
    [
        ("external", "profile_url", "no url"),
        ("external", "profile_url", 7),
        ("external", "show_in_profile", "true"),
        ("facebook", "metadata", []),
        ("facebook", "metadata", "no object"),
    ],
)
def test_a_field_that_fits_neither_the_provider_nor_its_own_rule_is_refused_once(
    client: FlaskClient, provider: str, field: str, value: Any
) -> None:
    response = client.post(PATH, json=body(provider, **{field: value}), headers=as_user(7))
    assert (response.status_code, set(errors_of(response))) == (400, {field})


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_every_field_that_does_not_fit_is_reported(client: FlaskClient, method: str) -> None:
    wrong = body("external", profile_url=URL, show_in_profile=True, metadata={})
    response = client.open(PATH, method=method, json=wrong, headers=as_user(7))
    assert (response.status_code, errors_of(response)) == (
        400,
        {"profile_url": "not_applicable", "show_in_profile": "not_applicable"},
    )


def test_a_capital_letter_does_not_slip_past_the_rules_of_external(client: FlaskClient) -> None:
    response = client.post(PATH, json=body("External", profile_url=URL), headers=as_user(7))
    assert (response.status_code, response.get_json()["errors"][0]["field"]) == (400, "provider")
