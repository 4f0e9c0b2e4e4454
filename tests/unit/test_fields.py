"""Each field's own rule, without HTTP and a database: what is good, and what is refused."""

import json
from typing import Any

import pytest
from marshmallow import Schema, ValidationError

from service.schemas.associations import ChangeSchema, CreateSchema, PairSchema, QuerySchema
from tests.support.factories import external, facebook

CREATE = CreateSchema()


def refused(body: dict[str, Any], schema: Schema = CREATE) -> dict[str, str]:
    """What is wrong with a body: the fields and the codes of their errors."""
    try:
        schema.load(body)
    except ValidationError as error:
        return {name: getattr(only, "code", "") for name, (only,) in error.messages_dict.items()}
    return {}


def loaded(body: dict[str, Any], field: str) -> Any:
    """What becomes of a field; from JSON, as the service reads it."""
    return CREATE.load(json.loads(json.dumps(body)))[field]


@pytest.mark.parametrize("field", ["user_id", "provider", "ext_id"])
def test_a_missing_field_is_required(field: str) -> None:
    body = facebook()
    del body[field]
    assert refused(body) == {field: "required"}


@pytest.mark.parametrize("field", ["user_id", "provider", "ext_id", "show_in_profile"])
def test_null_is_refused(field: str) -> None:
    assert refused(facebook(**{field: None})) == {field: "null"}


@pytest.mark.parametrize("user_id", [1, 2**31, 2**53 + 1, 2**63 - 1])
def test_user_id_accepts(user_id: int) -> None:
    assert loaded(facebook(user_id=user_id), "user_id") == user_id


@pytest.mark.parametrize("user_id", ["1", "7", "9223372036854775807"])
def test_user_id_accepts_a_canonical_decimal_string(user_id: str) -> None:
    assert loaded(facebook(user_id=user_id), "user_id") == int(user_id)


@pytest.mark.parametrize(
    "user_id",
    [0, -1, 2**63, 10**300, 7.0, 0.5, True, False, [], [7], {}, "", "0", "-1", "+7", "07", " 7",
     "7 ", "7\n", "7.0", "1e1", "0x7", "1_0", "seven", "\u0667", "\uff17", "\u00b2", "7\u0000",
     "9223372036854775808", "9" * 5000],
)  # fmt: skip
def test_user_id_refuses(user_id: Any) -> None:
    assert refused(facebook(user_id=user_id)) == {"user_id": "invalid"}


@pytest.mark.parametrize(
    "provider",
    ["a", "7", "facebook", "google-oauth2", "a_b", "a--b", "0-0", "google.com", "a..b", "p" * 64],
)
def test_provider_accepts(provider: str) -> None:
    assert loaded(facebook(provider=provider), "provider") == provider


@pytest.mark.parametrize(
    "provider",
    ["", " ", "Facebook", "External", "EXTERNAL", "externaL", "-a", "a-", "_a", "a_", "-", "_",
     ".a", "a.", ".", "a b", "a/b", "a+b", "facebook ", " facebook", "facebook\n", "facebook\u0000",
     "\u00e9", "\u0430", "\uff46", "\u0667", "\u017f", "\ud800", "p" * 65,
     7, 7.5, True, [], ["a"], {}],
)  # fmt: skip
def test_provider_refuses(provider: Any) -> None:
    assert refused(facebook(provider=provider)) == {"provider": "invalid"}


@pytest.mark.parametrize(
    "ext_id",
    ["a", "0", "07", "-1", "A.b|C/d", "a b", "a\u00a0b", "\u00e9", "e\u0301", "\u5b57",
     "\U0001f600", "\ue000", "'; drop table x; --", "%_\\", "<b>", "x" * 255, "\U0001f600" * 255,
     # Letters that show nothing: docs/security.md says so.
     "a\u3164", "\u115f", "a\u034fb", "a\ufe0f", "a\U000e0100"],
)  # fmt: skip
def test_ext_id_accepts(ext_id: str) -> None:
    assert loaded(facebook(ext_id=ext_id), "ext_id") == ext_id


@pytest.mark.parametrize(
    "ext_id",
    ["", " ", " a", "a ", "\ta", "a\n", "\u00a0a", "a\u3000", "\u2028a", "a\u0000", "a\u0000b",
     "a\nb", "a\tb", "a\u001fb", "a\u007fb", "a\u0085b", "a\u00adb", "a\u200bb", "a\u200db",
     "a\u202eb", "\ufeffa", "a\U000e0001b", "\ud800", "a\udc00b",
     7.0, 0.5, True, False, [], ["a"], {}],
)  # fmt: skip
def test_ext_id_refuses(ext_id: Any) -> None:
    assert refused(facebook(ext_id=ext_id)) == {"ext_id": "invalid"}


@pytest.mark.parametrize(
    ("sent", "stored"),
    [(12345, "12345"), (0, "0"), (-5, "-5"), (2**53 - 1, "9007199254740991"),
     (-(2**53) + 1, "-9007199254740991")],
)  # fmt: skip
def test_ext_id_takes_an_integer_as_its_decimal_string(sent: int, stored: str) -> None:
    assert loaded(facebook(ext_id=sent), "ext_id") == stored


@pytest.mark.parametrize("ext_id", [2**63 + 1, -(2**63) - 1, 2**64, 10**300])
def test_ext_id_refuses_an_integer_that_is_too_large(ext_id: int) -> None:
    assert set(refused(facebook(ext_id=ext_id))) == {"ext_id"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("ext_id", "x" * 256), ("ext_id", "\U0001f600" * 256),
     ("profile_url", "https://example.com/".ljust(2049, "x"))],
    ids=["ext_id", "ext_id outside the BMP", "profile_url"],
)  # fmt: skip
def test_too_long_a_value_says_so(field: str, value: str) -> None:
    assert refused(facebook(**{field: value})) == {field: "max_length"}


@pytest.mark.parametrize(
    "url",
    ["http://example.com", "https://example.com/", "https://example.com/me?a=1&b=%20#top",
     "https://www.example.com:8443/me", "http://127.0.0.1/", "http://[::1]:8000/x",
     "https://xn--bcher-kva.example/", "HTTPS://Example.COM/Me", "http://localhost/me",
     "https://example.com/~me/@you/a:b", "https://example.com?x=1",
     "https://example.com/".ljust(2048, "x")],
)  # fmt: skip
def test_profile_url_accepts(url: str) -> None:
    assert loaded(facebook(profile_url=url), "profile_url") == url


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
     "http://[::1/", "http://::1]/", "https://example.com:port/", 7, True, False, [], {}],
)  # fmt: skip
def test_profile_url_refuses(url: Any) -> None:
    assert refused(facebook(profile_url=url)) == {"profile_url": "invalid"}


@pytest.mark.parametrize("value", [True, False])
def test_show_in_profile_accepts(value: bool) -> None:
    assert loaded(facebook(show_in_profile=value), "show_in_profile") is value


@pytest.mark.parametrize("value", ["true", "false", "", "yes", "on", "1", 1, 0, 1.0, [], {}])
def test_show_in_profile_refuses(value: Any) -> None:
    assert refused(facebook(show_in_profile=value)) == {"show_in_profile": "invalid"}


@pytest.mark.parametrize("schema", [CreateSchema, ChangeSchema, PairSchema, QuerySchema])
@pytest.mark.parametrize(
    ("field", "value"),
    [("user_id", "07"), ("user_id", True), ("provider", "Facebook"), ("ext_id", " ")],
)
def test_the_rules_hold_wherever_a_field_stands(
    schema: type[Schema], field: str, value: Any
) -> None:
    body = {"user_id": 7, "provider": "facebook", "ext_id": "fb-1"} | {field: value}
    assert refused(body, schema())[field] == "invalid"


def test_every_broken_field_is_reported() -> None:
    wrong = {
        "user_id": 0, "provider": "No", "ext_id": " ", "profile_url": "no",
        "show_in_profile": "no", "metadata": [], "nonsense": 1,
    }  # fmt: skip
    assert set(refused(wrong)) == set(wrong)


def test_an_unknown_field_is_refused_beside_good_ones() -> None:
    assert refused(external(nonsense=1)) == {"nonsense": "unknown"}
