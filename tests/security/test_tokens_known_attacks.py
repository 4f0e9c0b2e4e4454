"""Attacks on tokens that RFC 8725 and known CVEs name; the plain ones are in tests/api.

`GET` without a query answers three cases differently: 200 for a known caller, 400 for an anonymous
one, 401 for a bad token.
"""

import base64
import hashlib
import json
import socket
import time
from typing import Any, NoReturn

import pytest
from flask.testing import FlaskClient

from service import create_app
from service.config import ConfigError
from tests.support import tokens
from tests.support.databases import ON_ONE
from tests.support.factories import PATH, as_admin, as_user, environment, facebook, path_of
from tests.support.tokens import SECRET, claims, token

pytestmark = ON_ONE

KNOWN, ANONYMOUS = 200, 400
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# The curve's base point: the public key whose private half is 1.
P256 = {
    "kty": "EC",
    "crv": "P-256",
    "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
    "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
}


def status(client: FlaskClient, token: str) -> int:
    return client.get(PATH, headers=tokens.bearer(token)).status_code


def unsigned(header: object, payload: object = None) -> str:
    """The first two parts of a token."""
    return tokens.forged(header, payload).rpartition(".")[0]


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512", "ES256K"])
@pytest.mark.parametrize("size", [0, 64, 96, 132])
def test_a_blank_elliptic_signature_is_401(client: FlaskClient, alg: str, size: int) -> None:
    """CVE-2022-21449, "psychic signatures": r and s of zero."""
    forged = unsigned({"alg": alg, "typ": "JWT"})
    assert status(client, f"{forged}.{tokens.encoded(bytes(size))}") == 401


@pytest.mark.parametrize("alg", ["ES256", "HS256", "RS256", "none"])
def test_a_key_in_the_header_is_not_trusted(client: FlaskClient, alg: str) -> None:
    """CVE-2018-0114: the attacker's own key as `jwk`."""
    header = {"alg": alg, "typ": "JWT", "jwk": P256, "x5c": ["MIIB"], "x5t": "AA"}
    for secret in ("", P256["x"], json.dumps(P256)):
        assert status(client, tokens.forged(header, secret=secret)) == 401


def test_a_right_signature_under_a_key_in_the_header_is_not_trusted(client: FlaskClient) -> None:
    signed = unsigned({"alg": "ES256", "typ": "JWT", "jwk": P256})
    r = int.from_bytes(base64.urlsafe_b64decode(P256["x"] + "=")) % ORDER  # of the nonce 1
    s = (int.from_bytes(hashlib.sha256(signed.encode()).digest()) + r) % ORDER
    signature = r.to_bytes(32) + s.to_bytes(32)
    assert status(client, f"{signed}.{tokens.encoded(signature)}") == 401


PEM = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"


@pytest.mark.parametrize(
    "key", [PEM, PEM.strip(), f"ssh-ed25519 {'A' * 60}", f"ssh-rsa {'A' * 60}"]
)
def test_a_public_key_as_the_hmac_secret_is_401(client: FlaskClient, key: str) -> None:
    """CVE-2015-9235, CVE-2017-11424, CVE-2022-29217: confusion of RS256 or EdDSA with HS256."""
    for alg in ("HS256", "RS256", "EdDSA"):
        assert status(client, tokens.forged({"alg": alg, "typ": "JWT"}, secret=key)) == 401


@pytest.mark.parametrize(
    "guess",
    [
        "",
        "\0",
        "\0" * 32,
        "secret",
        "changeme",
        "your-256-bit-secret",
        "jwt-secret",
        "null",
        "AA==",
    ],
)
@pytest.mark.parametrize("kid", [None, "../../../../dev/null", "' UNION SELECT 'x", "\0", 0, {}])
def test_a_guessed_key_is_401_whatever_kid_says(
    client: FlaskClient, guess: str, kid: object
) -> None:
    """RFC 8725, 3.5 and 3.10: weak keys, and a `kid` that leads a look-up to one."""
    header = {"alg": "HS256", "typ": "JWT", "kid": kid}
    assert status(client, tokens.forged(header, secret=guess)) == 401


@pytest.mark.parametrize("name", ["jku", "x5u", "iss", "kid"])
def test_no_header_or_claim_makes_the_service_call_anybody(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """RFC 8725, 3.10: server-side request forgery through `jku` and `x5u`."""
    status(client, token())  # the database's connections are there

    def call(*_: Any, **__: Any) -> NoReturn:
        raise AssertionError("it calls somebody")

    for function in ("getaddrinfo", "create_connection", "gethostbyname"):
        monkeypatch.setattr(socket, function, call)
    monkeypatch.setattr(socket.socket, "connect", call)
    url = {name: "https://keys.attacker.example/keys.json"}
    header = {"alg": "HS256", "typ": "JWT"} | url
    assert status(client, tokens.forged(header, claims(**url))) == KNOWN
    assert status(client, tokens.forged(header, secret="x" * 32)) == 401


JWE = {
    "dir": {"alg": "dir", "enc": "A128CBC-HS256"},
    "PBES2, CVE-2022-36083": {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2**31 - 1},
    "zip, CVE-2024-33664": {"alg": "dir", "enc": "A256GCM", "zip": "DEF"},
    "RSA1_5": {"alg": "RSA1_5", "enc": "A128GCM"},
    "ECDH-ES, invalid curve": {"alg": "ECDH-ES", "enc": "A128GCM", "epk": P256},
}


@pytest.mark.parametrize("header", JWE.values(), ids=JWE)
@pytest.mark.parametrize("parts", [3, 5])
def test_an_encrypted_token_is_401_and_costs_nothing(
    client: FlaskClient, header: dict[str, Any], parts: int
) -> None:
    """RFC 8725, 2.4 and 3.7: decompression and key derivation for whoever asks."""
    start = time.process_time()
    forged = ".".join([tokens.encoded(header), *[tokens.encoded(b"x" * 64)] * (parts - 1)])
    assert status(client, forged) == 401
    assert time.process_time() - start < 1


def test_the_json_serialization_is_401(client: FlaskClient) -> None:
    """CVE-2022-39227: a token that one parser reads as JSON and the other as three parts."""
    header, payload, signature = token(7).split(".")
    other = tokens.encoded(claims(8))
    mixed = {f"  {header}.{other}.": "", "protected": header, "payload": payload}
    mixed["signature"] = signature
    for text in (json.dumps(mixed), json.dumps({"signatures": [mixed]})):
        assert status(client, text) == 401


@pytest.mark.parametrize("secret", [SECRET, ""])
def test_a_detached_payload_is_401(client: FlaskClient, secret: str) -> None:
    """RFC 7515, appendix F: the payload comes some other way."""
    header, payload, signature = token().split(".")
    signed_empty = f"{header}."
    for forged in (
        f"{header}..{signature}",
        f"{signed_empty}.{tokens.signature(signed_empty, secret)}",
        f".{payload}.{signature}",
    ):
        response = client.post(PATH, json=facebook(), headers=tokens.bearer(forged))
        assert response.status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":"none","alg":"HS256","typ":"JWT"}',
        b'{"alg":"HS256","alg":"none","typ":"JWT"}',
        b'{"alg":"none","ALG":"HS256"}',
        b'{"alg":"HS256","Alg":"none"}',
        b'{"alg":"HS256\\u0000none"}',
        b'{"alg":["HS256"]}',
        b'{"alg":{"HS256":"none"}}',
        b'{"\\u0061lg":"none"}',
        b'\xef\xbb\xbf{"alg":"none"}',
        '{"alg":"none"}'.encode("utf-16"),
    ],
)
@pytest.mark.parametrize("signature", ["", "AA", "wrong"])
def test_an_ambiguous_algorithm_needs_the_right_signature_all_the_same(
    client: FlaskClient, header: bytes, signature: str
) -> None:
    """RFC 8725, 3.1, and members that two parsers read differently."""
    if signature == "wrong":
        signature = tokens.forged(header, secret="x" * 32).rpartition(".")[2]
    assert status(client, f"{unsigned(header)}.{signature}") == 401


def variants(good: str) -> dict[str, str]:
    """The same bytes in another spelling of base64, and spellings of none."""
    header, payload, signature = good.split(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = alphabet[alphabet.index(signature[-1]) ^ 1]
    decoded = base64.urlsafe_b64decode(signature + "=")
    return {
        "spare bits": f"{header}.{payload}.{signature[:-1]}{spare}",
        "padding": f"{header}.{payload}.{signature}=",
        "padded payload": f"{header}.{payload}==.{signature}",
        "hexadecimal": f"{header}.{payload}.{decoded.hex()}",
        "blank": f"{header}.{payload[:9]} {payload[9:]}.{signature}",
        "percent": f"{header}%2E{payload}%2E{signature}",
        "wide": "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in good),
        "null": f"{good}%00",
        "line": f"{header}.{payload}.\t{signature}",
    }


@pytest.mark.parametrize("name", variants(token()))
def test_another_spelling_of_a_token_says_nothing_else(client: FlaskClient, name: str) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7))
    headers = tokens.bearer(variants(token(7))[name].encode().decode("latin-1"))
    response = client.get(PATH, headers=headers)
    if name != "spare bits" or response.status_code != KNOWN:
        assert response.status_code == 401
    else:  # base64 has two spellings for these 32 bytes; the claims are those that were signed
        assert [entry["user_id"] for entry in response.get_json()] == [7]


@pytest.mark.parametrize("member", ["user_id", "role", "token_type"])
def test_a_claim_that_stands_twice_gives_nobody_more_than_what_was_signed(
    client: FlaskClient, member: str
) -> None:
    """RFC 7519, 4: refused, or the last one holds: never the first here and the last there."""
    twice = {"user_id": "8", "role": '"admin"', "token_type": '"refresh"'}[member]
    payload = f'{{"{member}":{twice},{json.dumps(claims(7, role="user"))[1:]}'.encode()
    response = client.post(
        PATH, json=facebook(user_id=8), headers=tokens.bearer(tokens.forged(payload=payload))
    )
    assert response.status_code in {401, 403}


@pytest.mark.parametrize("kind", ["ID token", "logout", "client", "session", "magic link"])
def test_another_kind_of_token_under_the_same_secret_is_401(client: FlaskClient, kind: str) -> None:
    """RFC 8725, 2.8 and 3.12: cross-JWT confusion."""
    payload = {
        "ID token": claims(token_type=..., nonce="x", aud="front-end"),
        "logout": claims(token_type=..., events={"http://schemas.openid.net/event": {}}),
        "client": claims(user_id=..., client_id="7"),
        "session": {"user_id": 7, "_fresh": True},
        "magic link": claims(token_type="login"),
    }
    assert status(client, tokens.forged(payload=payload[kind])) == 401


ELSEWHERE = ["Proxy-Authorization", "X-Access-Token", "X-Authorization", "Authentication"]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_good_token_in_another_header_is_ignored(client: FlaskClient, name: str) -> None:
    assert client.get(PATH, headers={name: f"Bearer {token()}"}).status_code == ANONYMOUS


@pytest.mark.parametrize(
    "name",
    ["X-User-Id", "X-Forwarded-User", "Remote-User", "X-Remote-User", "X-Admin", "X-Role", "User"],
)
def test_no_header_of_a_proxy_names_the_caller(client: FlaskClient, name: str) -> None:
    headers = {name: "7"}
    assert client.post(path_of(7), json=facebook(), headers=headers).status_code == 401
    assert client.post(path_of(8), json={}, headers=headers | as_user(7)).status_code == 403


@pytest.mark.parametrize(
    "name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Original-Method"]
)
def test_no_header_changes_the_method(client: FlaskClient, name: str) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7))
    client.get(path_of(7), headers=as_admin() | {name: "DELETE"})
    assert len(client.get(path_of(7), headers=as_user(7)).get_json()) == 1


@pytest.mark.parametrize("name", ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix"])
def test_no_header_changes_the_path(client: FlaskClient, name: str) -> None:
    headers = as_user(7) | {name: path_of(7)}
    assert client.post(path_of(8), json=facebook(), headers=headers).status_code == 403


def test_who_guesses_learns_nothing_from_the_answer(client: FlaskClient) -> None:
    """RFC 8725, 3.2: a reason would be an oracle."""
    bad = [
        token(secret="x" * 32),
        token(exp=int(time.time()) - 900),
        token(token_type="refresh"),
        token(user_id=True),
        tokens.with_header(alg="none"),
        tokens.with_header(crit=["x"]),
        "a.b.c",
    ]
    answers = [client.get(PATH, headers=tokens.bearer(one)) for one in bad]
    assert len({(a.status_code, a.data, a.headers["WWW-Authenticate"]) for a in answers}) == 1


@pytest.mark.parametrize("name", ["JWT_SECRET_KEY", "JWT_PREVIOUS_SECRET_KEYS"])
@pytest.mark.parametrize("key", [PEM, f"ssh-rsa {'A' * 60}"])
def test_a_public_key_in_the_configuration_stops_the_start(
    database_url: str, name: str, key: str
) -> None:
    """CVE-2022-29217: PyJWT takes no such key for an HMAC, and says so at the first token."""
    with pytest.raises(ConfigError):
        create_app(environment(database_url, **{name: key}))
