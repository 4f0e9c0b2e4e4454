"""Each field on its way: what is accepted comes back unchanged, all that is wrong is said at once.

What is good in a field and what isn't is in tests/unit/test_fields.py and test_metadata.py.
"""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.databases import ON_BOTH, ON_ONE
from tests.support.factories import PATH, as_admin, as_user, errors_of, external, facebook, path_of

pytestmark = ON_ONE

PATCHED = {"profile_url": "https://example.com/"}
KIB_16 = 16 * 1024


def post(client: FlaskClient, body: Any) -> TestResponse:
    """Send a body byte by byte as given; an admin sends it, so that any user may be named."""
    data = body if isinstance(body, str) else json.dumps(body)
    return client.post(PATH, data=data, content_type="application/json", headers=as_admin())


def nested(levels: int, *, lists: bool = False) -> dict[str, Any]:
    """Metadata of so many levels, itself the first."""
    value: Any = [] if lists else {}
    for _ in range(levels - 2):
        value = [value] if lists else {"a": value}
    return {"a": value}


def sized(size: int, character: str = "x") -> dict[str, Any]:
    """Metadata of so many bytes as compact, unescaped UTF-8 JSON."""
    count, rest = divmod(size - len('{"a":""}'), len(character.encode()))
    return {"a": character * count + "x" * rest}


@ON_BOTH
@pytest.mark.parametrize("user_id", [1, 2**31, 2**53 + 1, 2**63 - 1, "7"])
def test_user_id_comes_back_as_an_integer(client: FlaskClient, user_id: int | str) -> None:
    response = post(client, facebook(user_id=user_id))
    assert (response.status_code, response.get_json()["user_id"]) == (201, int(user_id))


@ON_BOTH
@pytest.mark.parametrize("provider", ["a", "7", "google-oauth2", "a_b", "p" * 64])
def test_provider_comes_back_unchanged(client: FlaskClient, provider: str) -> None:
    response = post(client, facebook(provider=provider))
    assert (response.status_code, response.get_json()["provider"]) == (201, provider)


@ON_BOTH
@pytest.mark.parametrize(
    "ext_id",
    ["a", "0", "07", "A.b|C/d", "a b", "a\u00a0b", "\u00e9", "e\u0301", "\u5b57", "\U0001f600",
     "\ue000", "'; drop table x; --", "%_\\", "<b>", "x" * 255, "\U0001f600" * 255],
)  # fmt: skip
def test_ext_id_comes_back_unchanged(client: FlaskClient, ext_id: str) -> None:
    response = post(client, facebook(ext_id=ext_id))
    assert (response.status_code, response.get_json()["ext_id"]) == (201, ext_id)


@ON_BOTH
@pytest.mark.parametrize(
    "url",
    ["http://example.com", "https://example.com/me?a=1&b=%20#top", "HTTPS://Example.COM/Me",
     "https://example.com/".ljust(2048, "x")],
)  # fmt: skip
def test_profile_url_comes_back_unchanged(client: FlaskClient, url: str) -> None:
    response = post(client, facebook(profile_url=url))
    assert (response.status_code, response.get_json()["profile_url"]) == (201, url)


@ON_BOTH
@pytest.mark.parametrize("value", [True, False])
def test_show_in_profile_comes_back_as_a_boolean(client: FlaskClient, value: bool) -> None:
    assert post(client, facebook(show_in_profile=value)).get_json()["show_in_profile"] is value


@ON_BOTH
@pytest.mark.parametrize(
    "metadata",
    [{}, {"": ""}, {"a": None}, {"a": True, "b": False}, {"a": 0, "b": -1}, {"a": 2**63 - 1},
     {"a": -(2**63)}, {"a": 2**53 + 1}, {"a": 0.1}, {"a": 1.5}, {"a": 1e16}, {"a": 1e23},
     {"a": 1e308}, {"a": 1.7976931348623157e308}, {"a": 5e-324}, {"a": -1e-300},
     {"a": [1e23, -1e300]}, {"a": "1"}, {"a": "\n"}, {"\u0001": "\u0001"}, {"\uffff": "\u2028"},
     {"</script>": "</script>"}, {"a b\u00e9\U0001f600": "\U0001f600"},
     {"a": "\u200b\ufeff\u007f\ufffe"}, {"a": "\\u0000"}, {"a": [1, [2, {"b": []}]]},
     {"a": '{"b": 1}'}, {"__proto__": {}, "$where": 1}, nested(32), nested(32, lists=True),
     sized(KIB_16), sized(KIB_16, "\u00e9"), sized(KIB_16, "\U0001f600"), sized(KIB_16 // 2, '"'),
     {"user_id": 8, "provider": "x"}],
)  # fmt: skip
def test_metadata_is_listed_with_its_values_unchanged(client: FlaskClient, metadata: Any) -> None:
    created = post(client, external(metadata=metadata))
    listed = client.get(path_of(7), headers=as_user(7)).get_json()
    assert (created.status_code, listed) == (201, [external(metadata=metadata)])


@ON_BOTH
@pytest.mark.parametrize("flag", [True, False])
def test_a_boolean_in_metadata_stays_one(client: FlaskClient, flag: bool) -> None:
    post(client, external(metadata={"a": flag}))
    listed = client.get(path_of(7), headers=as_user(7)).get_json()
    assert listed[0]["metadata"]["a"] is flag


@pytest.mark.parametrize("number", ["7e0", "1e400", "-0", "9" * 5000])
def test_user_id_refuses_numbers_written_strangely(client: FlaskClient, number: str) -> None:
    body = f'{{"user_id": {number}, "provider": "facebook", "ext_id": "fb-1"}}'
    assert post(client, body).status_code == 400


@pytest.mark.parametrize(
    "text",
    ['{"a": 1e999}', '{"a": -1e999}', '{"a": ' + "9" * 5000 + "}", "[" * 30000, '{"a":' * 10000],
)
def test_metadata_that_no_parser_should_trip_over_is_refused(
    client: FlaskClient, text: str
) -> None:
    body = f'{{"user_id": 7, "provider": "external", "ext_id": "ex-1", "metadata": {text}}}'
    assert post(client, body).status_code == 400


@pytest.mark.parametrize("as_string", [False, True], ids=["object", "string"])
def test_metadata_is_measured_without_white_space_and_escapes(
    client: FlaskClient, as_string: bool
) -> None:
    text = json.dumps(sized(KIB_16, "\u00e9"), indent=4)
    value = json.dumps(text) if as_string else text
    body = f'{{"user_id": 7, "provider": "external", "ext_id": "ex-1", "metadata": {value}}}'
    assert post(client, body).status_code == 201


@pytest.mark.parametrize("field", ["user_id", "provider", "ext_id"])
def test_a_missing_field_is_required(client: FlaskClient, field: str) -> None:
    body = facebook()
    del body[field]
    response = post(client, body)
    assert (response.status_code, errors_of(response)) == (400, {field: "required"})


@pytest.mark.parametrize("field", ["user_id", "provider", "ext_id", "show_in_profile"])
def test_null_is_refused(client: FlaskClient, field: str) -> None:
    response = post(client, facebook(**{field: None}))
    assert (response.status_code, errors_of(response)) == (400, {field: "null"})


@pytest.mark.parametrize(
    ("field", "value"),
    [("ext_id", "x" * 256),
     ("profile_url", "https://example.com/".ljust(2049, "x"))],
    ids=["ext_id", "profile_url"],
)  # fmt: skip
def test_too_long_a_value_says_so(client: FlaskClient, field: str, value: str) -> None:
    response = post(client, facebook(**{field: value}))
    assert (response.status_code, errors_of(response)) == (400, {field: "max_length"})


@pytest.mark.parametrize(
    ("field", "value"),
    [("user_id", "07"), ("provider", "Facebook"), ("ext_id", " "), ("profile_url", "no"),
     ("show_in_profile", "true")],
)  # fmt: skip
def test_a_broken_field_is_400_with_its_name(
    client: FlaskClient, field: str, value: object
) -> None:
    response = post(client, facebook(**{field: value}))
    assert (response.status_code, errors_of(response)) == (400, {field: "invalid"})


def test_broken_metadata_is_400_with_its_name(client: FlaskClient) -> None:
    response = post(client, external(metadata=[]))
    assert (response.status_code, errors_of(response)) == (400, {"metadata": "invalid"})


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_everything_wrong_is_reported_at_once(client: FlaskClient, method: str) -> None:
    wrong = {
        "user_id": 0, "provider": "No", "ext_id": " ", "profile_url": "no",
        "show_in_profile": "no", "metadata": [], "nonsense": 1,
    }  # fmt: skip
    response = client.open(PATH, method=method, json=wrong, headers=as_admin())
    assert (response.status_code, set(errors_of(response))) == (400, set(wrong))


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_every_missing_field_is_reported_at_once(client: FlaskClient, method: str) -> None:
    response = client.open(PATH, method=method, json={}, headers=as_admin())
    expected = {"user_id": "required", "provider": "required", "ext_id": "required"}
    assert errors_of(response).items() >= expected.items()


def test_a_field_that_does_not_fit_is_reported_beside_a_broken_one(client: FlaskClient) -> None:
    body = {"provider": "external", "ext_id": "", "show_in_profile": True} | PATCHED
    response = client.post(PATH, json=body, headers=as_admin())
    assert set(errors_of(response)) == {"user_id", "ext_id", "profile_url", "show_in_profile"}


def test_a_user_id_other_than_the_paths_is_reported_beside_a_broken_field(
    client: FlaskClient,
) -> None:
    response = client.post(path_of(7), json=facebook(user_id=8, ext_id=""), headers=as_admin())
    assert set(errors_of(response)) == {"user_id", "ext_id"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("provider", "Facebook"), ("ext_id", " "), ("user_id", "07"), ("user_id", True)],
)
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_the_rules_hold_in_every_operation(
    client: FlaskClient, method: str, field: str, value: Any
) -> None:
    body = facebook(**PATCHED) | {field: value}
    response = client.open(PATH, method=method, json=body, headers=as_admin())
    assert (response.status_code, set(errors_of(response))) == (400, {field})
