"""Each field's own rule: what is accepted and what is refused."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.factories import PATH, as_admin, as_user, errors_of, external, facebook, path_of

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


def short(value: Any) -> str:
    return ascii(value)[:40]


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


@pytest.mark.parametrize("user_id", [1, 2**31, 2**53 + 1, 2**63 - 1])
def test_user_id_accepts(client: FlaskClient, user_id: int) -> None:
    response = post(client, facebook(user_id=user_id))
    assert (response.status_code, response.get_json()["user_id"]) == (201, user_id)


@pytest.mark.parametrize("user_id", ["1", "7", "9223372036854775807"])
def test_user_id_accepts_a_canonical_decimal_string(client: FlaskClient, user_id: str) -> None:
    response = post(client, facebook(user_id=user_id))
    assert (response.status_code, response.get_json()["user_id"]) == (201, int(user_id))


@pytest.mark.parametrize(
    "user_id",
    [0, -1, 2**63, 10**300, 7.0, 0.5, True, False, [], [7], {}, "", "0", "-1", "+7", "07", " 7",
     "7 ", "7\n", "7.0", "1e1", "0x7", "1_0", "seven", "\u0667", "\uff17", "\u00b2", "7\u0000",
     "9223372036854775808", "9" * 5000],
    ids=short,
)  # fmt: skip
def test_user_id_refuses(client: FlaskClient, user_id: Any) -> None:
    response = post(client, facebook(user_id=user_id))
    assert (response.status_code, set(errors_of(response))) == (400, {"user_id"})


@pytest.mark.parametrize("number", ["7e0", "1e400", "-0", "9" * 5000], ids=short)
def test_user_id_refuses_numbers_written_strangely(client: FlaskClient, number: str) -> None:
    body = f'{{"user_id": {number}, "provider": "facebook", "ext_id": "fb-1"}}'
    assert post(client, body).status_code == 400


@pytest.mark.parametrize(
    "provider",
    ["a", "7", "facebook", "google-oauth2", "a_b", "a--b", "0-0", "p" * 64],
)
def test_provider_accepts(client: FlaskClient, provider: str) -> None:
    response = post(client, facebook(provider=provider))
    assert (response.status_code, response.get_json()["provider"]) == (201, provider)


@pytest.mark.parametrize(
    "provider",
    ["", " ", "Facebook", "External", "EXTERNAL", "externaL", "-a", "a-", "_a", "a_", "-", "_",
     "a b", "a.b", "a/b", "a+b", "facebook ", " facebook", "facebook\n", "facebook\u0000", "\u00e9",
     "\u0430", "\uff46", "\u0667", "\u017f", "\ud800", "p" * 65, 7, 7.5, True, [], ["a"], {}],
    ids=short,
)  # fmt: skip
def test_provider_refuses(client: FlaskClient, provider: Any) -> None:
    response = post(client, facebook(provider=provider))
    assert (response.status_code, set(errors_of(response))) == (400, {"provider"})


@pytest.mark.parametrize(
    "ext_id",
    ["a", "0", "07", "-1", "A.b|C/d", "a b", "a\u00a0b", "\u00e9", "e\u0301", "\u5b57",
     "\U0001f600", "\ue000", "'; drop table x; --", "%_\\", "<b>", "x" * 255, "\U0001f600" * 255],
    ids=short,
)  # fmt: skip
def test_ext_id_accepts_and_returns_unchanged(client: FlaskClient, ext_id: str) -> None:
    response = post(client, facebook(ext_id=ext_id))
    assert (response.status_code, response.get_json()["ext_id"]) == (201, ext_id)


@pytest.mark.parametrize(
    "ext_id",
    ["", " ", " a", "a ", "\ta", "a\n", "\u00a0a", "a\u3000", "\u2028a", "a\u0000", "a\u0000b",
     "a\nb", "a\tb", "a\u001fb", "a\u007fb", "a\u0085b", "a\u00adb", "a\u200bb", "a\u200db",
     "a\u202eb", "\ufeffa", "a\U000e0001b", "\ud800", "a\udc00b", "x" * 256, "\U0001f600" * 256,
     7.0, 0.5, True, False, [], ["a"], {}],
    ids=short,
)  # fmt: skip
def test_ext_id_refuses(client: FlaskClient, ext_id: Any) -> None:
    response = post(client, facebook(ext_id=ext_id))
    assert (response.status_code, set(errors_of(response))) == (400, {"ext_id"})


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
    "url",
    ["http://example.com", "https://example.com/", "https://example.com/me?a=1&b=%20#top",
     "https://www.example.com:8443/me", "http://127.0.0.1/", "http://[::1]:8000/x",
     "https://xn--bcher-kva.example/", "HTTPS://Example.COM/Me", "http://localhost/me",
     "https://example.com/~me/@you/a:b", "https://example.com?x=1",
     "https://example.com/".ljust(2048, "x")],
    ids=short,
)  # fmt: skip
def test_profile_url_accepts_and_returns_unchanged(client: FlaskClient, url: str) -> None:
    response = post(client, facebook(profile_url=url))
    assert (response.status_code, response.get_json()["profile_url"]) == (201, url)


@pytest.mark.parametrize(
    "url",
    ["", " ", "example.com", "www.example.com/me", "/me", "//example.com/", "https:example.com",
     "https:/example.com", "https://", "https:///me", "https://?x", "https://#x", "https://:80/",
     "ftp://example.com/", "javascript:alert(1)", "javascript://example.com/%0aalert(1)",
     "data:text/html,x", "file:///etc/passwd", "mailto:me@example.com", "httpx://example.com/",
     "https://me@example.com/", "https://me:secret@example.com/", "https://@example.com/",
     "https://:@example.com/", "https://example.com/a b", " https://example.com/",
     "https://example.com/ ", "https://example.com/\n", "https://example.com/\na",
     "\thttps://example.com/", "java\nscript://example.com", "https://exam\tple.com/",
     "https://example.com/\u0000", "https://example.com/\u007f", "https://example.com/\u0085",
     "https://example.com\\@evil.example/", "https:\\\\example.com", "https://example.com/\\",
     "https://b\u00fccher.example/", "https://example.com/\u00fc", "https://example.com/\u00a0",
     "https://example.com/\u200b", "https://\uff45xample.com/", "https://example.com/\ud800",
     "http://[::1/", "http://::1]/", "https://example.com:port/",
     "https://example.com/".ljust(2049, "x"), 7, True, False, [], {}],
    ids=short,
)  # fmt: skip
def test_profile_url_refuses(client: FlaskClient, url: Any) -> None:
    response = post(client, facebook(profile_url=url))
    assert (response.status_code, set(errors_of(response))) == (400, {"profile_url"})


@pytest.mark.parametrize("value", [True, False])
def test_show_in_profile_accepts(client: FlaskClient, value: bool) -> None:
    response = post(client, facebook(show_in_profile=value))
    assert (response.status_code, response.get_json()["show_in_profile"]) == (201, value)


@pytest.mark.parametrize("value", ["true", "false", "", "yes", "1", 1, 0, 1.0, [], {}], ids=short)
def test_show_in_profile_refuses(client: FlaskClient, value: Any) -> None:
    response = post(client, facebook(show_in_profile=value))
    assert (response.status_code, set(errors_of(response))) == (400, {"show_in_profile"})


@pytest.mark.parametrize(
    "metadata",
    [{}, {"": ""}, {"a": None}, {"a": True, "b": False}, {"a": 0, "b": -1}, {"a": 2**63 - 1},
     {"a": -(2**63)}, {"a": 2**53 + 1}, {"a": 0.1}, {"a": 1e16}, {"a": 1e23}, {"a": 1e308},
     {"a": 1.7976931348623157e308}, {"a": 5e-324}, {"a": [1e23, -1e300]}, {"a": "1"}, {"a": "\n"},
     {"a b\u00e9\U0001f600": "\U0001f600"}, {"a": "\u200b\ufeff\u007f\ufffe"}, {"a": "\\u0000"},
     {"a": [1, [2, {"b": []}]]}, {"a": '{"b": 1}'}, {"__proto__": {}, "$where": 1},
     nested(32), nested(32, lists=True), sized(KIB_16), sized(KIB_16, "\u00e9"),
     sized(KIB_16, "\U0001f600"), {"user_id": 8, "provider": "x"}],
    ids=short,
)  # fmt: skip
def test_metadata_is_listed_with_its_values_unchanged(client: FlaskClient, metadata: Any) -> None:
    created = post(client, external(metadata=metadata))
    listed = client.get(path_of(7), headers=as_user(7)).get_json()
    assert (created.status_code, listed) == (201, [external(metadata=metadata)])


@pytest.mark.parametrize("flag", [True, False])
def test_a_boolean_in_metadata_stays_one(client: FlaskClient, flag: bool) -> None:
    post(client, external(metadata={"a": flag}))
    listed = client.get(path_of(7), headers=as_user(7)).get_json()
    assert listed[0]["metadata"]["a"] is flag


@pytest.mark.parametrize(
    "metadata",
    [[], [{}], 1, 0, 1.5, True, False, "", "x", {"a": 2**63}, {"a": -(2**63) - 1}, {"a": 10**300},
     {"a": [{"b": 2**64}]}, {"a": "\u0000"}, {"a\u0000": 1}, {"a": ["x\u0000y"]}, {"a": "\ud800"},
     {"\udfff": 1}, {"a": {"b": ["\udc00\ud800"]}}, nested(33), nested(33, lists=True),
     sized(KIB_16 + 1), sized(KIB_16 + 1, "\u00e9"), sized(KIB_16 + 1, "\U0001f600")],
    ids=short,
)  # fmt: skip
def test_metadata_refuses(client: FlaskClient, metadata: Any) -> None:
    response = post(client, external(metadata=metadata))
    assert (response.status_code, set(errors_of(response))) == (400, {"metadata"})


@pytest.mark.parametrize(
    "text",
    ['{"a": 1e999}', '{"a": -1e999}', '{"a": ' + "9" * 5000 + "}", "[" * 30000, '{"a":' * 10000],
    ids=short,
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
