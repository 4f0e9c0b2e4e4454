"""Which tokens are good by their JOSE header and signature, and for how long."""

import json
import time
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import tokens
from tests.support.databases import ON_ONE
from tests.support.factories import PATH, as_user
from tests.support.tokens import SECRET, claims, token

pytestmark = ON_ONE

KNOWN = 200
OTHER_SECRET = "another-secret-for-tests-of-32-bytes!"


def status(client: FlaskClient, token: str) -> int:
    return client.get(PATH, headers=tokens.bearer(token)).status_code


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "..."])
def test_the_typ_header_may_be_jwt_or_at_jwt(client: FlaskClient, typ: str) -> None:
    header = {"alg": "HS256", "typ": typ}
    if typ == "...":
        del header["typ"]
    assert status(client, tokens.forged(header)) == KNOWN


def test_typ_may_carry_the_prefix_in_any_case(client: FlaskClient) -> None:
    assert status(client, tokens.with_header(typ="Application/JWT")) == KNOWN


@pytest.mark.parametrize("typ", ["rt+jwt", "JWE", "", "JWT ", "text/jwt", "dpop+jwt", 1, ["JWT"]])
def test_another_typ_is_401(client: FlaskClient, typ: object) -> None:
    assert status(client, tokens.with_header(typ=typ)) == 401


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("signed", [False, True])
def test_the_algorithm_none_is_401(client: FlaskClient, alg: str, signed: bool) -> None:
    forged = tokens.forged({"alg": alg, "typ": "JWT"})
    assert status(client, forged if signed else f"{forged.rpartition('.')[0]}.") == 401


@pytest.mark.parametrize("digest", ["sha384", "sha512"])
def test_another_hmac_of_the_same_secret_is_401(client: FlaskClient, digest: str) -> None:
    header = {"alg": digest.replace("sha", "HS"), "typ": "JWT"}
    signed = f"{tokens.encoded(header)}.{tokens.encoded(claims())}"
    assert status(client, f"{signed}.{tokens.signature(signed, digest=digest)}") == 401


@pytest.mark.parametrize("alg", ["HS384", "RS256", "ES256", "EdDSA", "hs256", "HS256 ", 256, None])
def test_a_token_that_names_another_algorithm_is_401(client: FlaskClient, alg: object) -> None:
    assert status(client, tokens.with_header(alg=alg)) == 401


def test_a_token_that_names_no_algorithm_is_401(client: FlaskClient) -> None:
    assert status(client, tokens.forged({"typ": "JWT"})) == 401


@pytest.mark.parametrize("secret", [OTHER_SECRET, "", SECRET + "x", SECRET[:-1], SECRET.upper()])
def test_another_key_is_401(client: FlaskClient, secret: str) -> None:
    assert status(client, tokens.forged(secret=secret)) == 401


LOOKUPS = [
    {"kid": "1"},
    {"kid": "../../../dev/null"},
    {"kid": "' OR 1=1 --"},
    {"jku": "https://evil.example/keys.json"},
    {"x5u": "https://evil.example/key.pem"},
    {"jwk": {"kty": "oct", "k": tokens.encoded(OTHER_SECRET.encode())}},
    {"crit": ["exp"]},
    {"crit": ["x"], "x": True},
    {"b64": False},
    {"b64": False, "crit": ["b64"]},
    {"zip": "DEF"},
    {"cty": "JWT"},
]


@pytest.mark.parametrize("extra", LOOKUPS, ids=json.dumps)
def test_a_header_cannot_make_another_key_good(
    client: FlaskClient, extra: dict[str, object]
) -> None:
    forged = tokens.forged({"alg": "HS256", "typ": "JWT"} | extra, secret=OTHER_SECRET)
    assert status(client, forged) == 401


@pytest.mark.parametrize("extra", LOOKUPS, ids=json.dumps)
def test_a_header_that_asks_for_more_has_no_effect_or_is_refused(
    client: FlaskClient, extra: dict[str, object]
) -> None:
    assert status(client, tokens.with_header(**extra)) in {KNOWN, 401}


def test_a_payload_that_is_not_encoded_is_401(client: FlaskClient) -> None:
    header = tokens.encoded({"alg": "HS256", "b64": False, "crit": ["b64"]})
    signed = f"{header}.{json.dumps(claims(), separators=(',', ':'))}"
    assert status(client, f"{signed}.{tokens.signature(signed)}") == 401


PARTS: dict[str, object] = {
    "nothing": b"",
    "no JSON": b"{",
    "not UTF-8": b'{"alg": "HS256", "x": "\xff"}',
    "NaN": b"NaN",
    "array": [],
    "null": b"null",
    "string": "HS256",
    "number": 7,
    "deep": b"[" * 100_000,
    "deep in a member": b'{"alg": "HS256", "user_id": 7, "x": ' + b"[" * 100_000,
    "5,000 digits": b'{"alg": "HS256", "x": ' + b"9" * 5_000 + b"}",
}


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_a_header_that_is_no_object_is_401(client: FlaskClient, part: object) -> None:
    assert status(client, tokens.forged(header=part)) == 401


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_a_payload_that_is_no_object_is_401(client: FlaskClient, part: object) -> None:
    assert status(client, tokens.forged(payload=part)) == 401


@pytest.mark.parametrize("change", ["cut", "other", "none", "unsigned", "payload"])
def test_a_known_token_does_not_vouch_for_a_changed_one(client: FlaskClient, change: str) -> None:
    good = token(7)
    client.get(PATH, headers=tokens.bearer(good))
    signed, _, signature = good.rpartition(".")
    header = signed.partition(".")[0]
    changed = {
        "cut": good[:-4],
        "other": f"{signed}.{token(8).rpartition('.')[2]}",
        "none": f"{signed}.",
        "unsigned": signed,
        "payload": f"{header}.{tokens.encoded(claims(8))}.{signature}",
    }
    assert status(client, changed[change]) == 401


def test_a_known_token_is_refused_once_it_has_expired(make_app: Callable[..., Flask]) -> None:
    client = make_app(JWT_LEEWAY="0").test_client()
    expiry = int(time.time()) + 2
    headers = as_user(7, exp=expiry)
    before = client.get(PATH, headers=headers).status_code
    time.sleep(expiry - time.time() + 0.1)
    assert (before, client.get(PATH, headers=headers).status_code) == (KNOWN, 401)


@pytest.mark.parametrize("old", [OTHER_SECRET, "a-third-secret-for-tests-of-32-bytes!!"])
def test_a_token_under_a_previous_secret_is_good(make_app: Callable[..., Flask], old: str) -> None:
    previous = f"{OTHER_SECRET},a-third-secret-for-tests-of-32-bytes!!"
    client = make_app(JWT_PREVIOUS_SECRET_KEYS=previous).test_client()
    assert status(client, token(secret=old)) == KNOWN


@pytest.mark.parametrize(("secret", "expected"), [(SECRET, KNOWN), ("x" * 32, 401)])
def test_previous_secrets_change_nothing_for_other_tokens(
    make_app: Callable[..., Flask], secret: str, expected: int
) -> None:
    client = make_app(JWT_PREVIOUS_SECRET_KEYS=OTHER_SECRET).test_client()
    assert status(client, token(secret=secret)) == expected
