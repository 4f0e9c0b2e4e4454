"""Attacks on tokens that are signed with private keys.

`GET` without a query is 200 for a known caller and 401 for a bad token.
"""

import hmac
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import keys
from tests.support.databases import ON_ONE
from tests.support.factories import PATH
from tests.support.keys import ALGORITHMS, AUDIENCE, ISSUER, jwks, pem, public, public_entry, token
from tests.support.tokens import bearer, claims, encoded, forged
from tests.support.tokens import token as hmac_token

pytestmark = ON_ONE
KNOWN = 200
FOR_US = {"aud": AUDIENCE, "iss": ISSUER}

Serve = Callable[..., FlaskClient]


@pytest.fixture
def serve(make_app: Callable[..., Flask], tmp_path: Path) -> Serve:
    """A client of a service with these public keys."""

    def make(content: bytes, **environ: str) -> FlaskClient:
        path = tmp_path / "keys"
        path.write_bytes(content)
        return make_app(**keys.environment(path) | environ).test_client()

    return make


@pytest.fixture
def client(serve: Serve) -> FlaskClient:
    return serve(jwks(public_entry(name) for name in ALGORITHMS))


def status(client: FlaskClient, token: str) -> int:
    return client.get(PATH, headers=bearer(token)).status_code


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_under_a_known_key_is_good(client: FlaskClient, algorithm: str) -> None:
    assert status(client, token(algorithm)) == KNOWN


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_under_a_key_in_pem_is_good(serve: Serve, algorithm: str) -> None:
    client = serve(b"".join(pem(public(name)) for name in ALGORITHMS))
    assert status(client, token(algorithm)) == KNOWN


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_key_of_the_same_kid_is_401(client: FlaskClient, algorithm: str) -> None:
    assert status(client, token(algorithm, "2")) == 401


@pytest.mark.parametrize("kid", ["unknown", "es256", "ES256 ", "", "../keys", "RS256", "EdDSA"])
def test_an_unknown_kid_is_401(client: FlaskClient, kid: str) -> None:
    assert status(client, token("ES256", kid=kid)) == 401


@pytest.mark.parametrize("kid", [0, ["ES256"], {"ES256": 1}, True])
def test_a_kid_that_is_no_text_is_401(client: FlaskClient, kid: object) -> None:
    parts = token("ES256").split(".")
    header = encoded({"alg": "ES256", "typ": "JWT", "kid": kid})
    assert status(client, ".".join([header, *parts[1:]])) == 401


def test_a_token_without_kid_is_good_where_one_key_can_fit(client: FlaskClient) -> None:
    assert status(client, token("ES256", kid=None)) == KNOWN


def test_a_token_without_kid_is_401_where_several_keys_could_fit(serve: Serve) -> None:
    client = serve(jwks(public_entry("ES256", name, kid=name) for name in ("1", "2")))
    assert status(client, token("ES256", "1", kid=None)) == 401


@pytest.mark.parametrize("kid", [None, "anything"])
@pytest.mark.parametrize("name", ["1", "2"])
def test_keys_in_pem_fit_whatever_the_kid(serve: Serve, name: str, kid: str | None) -> None:
    client = serve(pem(public("RS256", "1")) + pem(public("RS256", "2")))
    assert status(client, token("RS256", name, kid=kid)) == KNOWN


def publics(algorithm: str) -> list[bytes]:
    """The public key in the forms in which an attacker would take it for a secret."""
    key = pem(public(algorithm))
    return [key, key.strip(), key.replace(b"\n", b"\r\n"), jwks([public_entry(algorithm)])]


@pytest.mark.parametrize("form", range(4))
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("content", ["JWKS", "PEM"])
@pytest.mark.parametrize("with_secret", [True, False])
def test_the_public_key_as_an_hmac_secret_is_401(
    serve: Serve, content: str, algorithm: str, form: int, with_secret: bool
) -> None:
    """CVE-2015-9235 and, for HMAC and public keys in one list, CVE-2026-48526."""
    file = jwks([public_entry(algorithm)]) if content == "JWKS" else pem(public(algorithm))
    client = serve(file, **({} if with_secret else {"JWT_SECRET_KEY": ""}))
    header = {"alg": "HS256", "typ": "JWT", "kid": algorithm}
    signed = f"{encoded(header)}.{encoded(claims(**FOR_US))}"
    signature = hmac.digest(publics(algorithm)[form], signed.encode(), "sha256")
    assert status(client, f"{signed}.{encoded(signature)}") == 401


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_secret_signs_nothing_but_hs256(client: FlaskClient, algorithm: str) -> None:
    header = {"alg": algorithm, "typ": "JWT", "kid": algorithm}
    assert status(client, forged(header, claims(**FOR_US))) == 401


@pytest.mark.parametrize(
    ("signs", "says"), [(a, b) for a in ALGORITHMS for b in ALGORITHMS if a != b]
)
@pytest.mark.parametrize("kid", ["of the signature", "of the header", None])
def test_a_key_verifies_no_other_algorithm_than_its_own(
    client: FlaskClient, signs: str, says: str, kid: str | None
) -> None:
    names = {"of the signature": signs, "of the header": says}
    header = {"typ": "JWT", "alg": says} | ({"kid": names[kid]} if kid else {})
    signed = f"{encoded(header)}.{encoded(claims(**FOR_US))}"
    algorithm = jwt.get_algorithm_by_name(signs)
    signature = algorithm.sign(signed.encode(), keys.private(signs))
    assert status(client, f"{signed}.{encoded(signature)}") == 401


@pytest.mark.parametrize("alg", ["none", "None", "", None, "HS384", "PS256", "RS512", "ES256K"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_any_other_algorithm_is_401(client: FlaskClient, algorithm: str, alg: str | None) -> None:
    _, payload, signature = token(algorithm).split(".")
    header = encoded({"alg": alg, "typ": "JWT", "kid": algorithm})
    for end in (signature, ""):
        assert status(client, f"{header}.{payload}.{end}") == 401


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256"])
def test_a_stronger_algorithm_of_the_same_key_is_401(client: FlaskClient, alg: str) -> None:
    signed = jwt.encode(claims(**FOR_US), keys.private("RS256"), alg, {"kid": "RS256"})
    assert status(client, signed) == 401


@pytest.mark.parametrize("alg", [["ES256"], {"ES256": 1}, 256, True])
def test_an_algorithm_that_is_no_text_is_401(client: FlaskClient, alg: object) -> None:
    _, payload, signature = token("ES256").split(".")
    header = encoded({"alg": alg, "typ": "JWT", "kid": "ES256"})
    assert status(client, f"{header}.{payload}.{signature}") == 401


@pytest.mark.parametrize("size", [0, 32, 64, 256])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_blank_signature_is_401(client: FlaskClient, algorithm: str, size: int) -> None:
    """CVE-2022-21449, "psychic signatures": r and s of zero."""
    signed = token(algorithm).rpartition(".")[0]
    assert status(client, f"{signed}.{encoded(bytes(size))}") == 401


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_in_the_header_is_not_trusted(client: FlaskClient, algorithm: str) -> None:
    """CVE-2018-0114: the attacker's own key as `jwk`."""
    header = {"jwk": public_entry(algorithm, "attacker"), "jku": "https://evil.example/"}
    assert status(client, token(algorithm, "attacker", header=header)) == 401


@pytest.mark.parametrize(
    "entry",
    [{"use": "enc"}, {"alg": "RSA-OAEP"}, {"alg": "RS512"}, {"key_ops": ["encrypt"]}],
)
def test_a_key_for_something_else_verifies_nothing(serve: Serve, entry: dict[str, Any]) -> None:
    client = serve(jwks([public_entry("RS256", **entry), public_entry("ES256")]))
    assert status(client, token("RS256")) == 401


@pytest.mark.parametrize("changes", [{"aud": "x"}, {"iss": "x"}, {"aud": ...}, {"iss": ...}])
def test_a_token_for_another_service_or_from_another_issuer_is_401(
    client: FlaskClient, changes: dict[str, Any]
) -> None:
    assert status(client, token("ES256", **changes)) == 401


@pytest.mark.parametrize(
    "changes",
    [{"token_type": "refresh"}, {"jti": ...}, {"exp": 1}, {"user_id": True}, {"iat": 2**40}],
)
def test_the_rules_for_claims_are_the_same(client: FlaskClient, changes: dict[str, Any]) -> None:
    assert status(client, token("ES256", **changes)) == 401


def test_a_changed_payload_is_401(client: FlaskClient) -> None:
    header, _, signature = token("RS256").split(".")
    changed = f"{header}.{encoded(claims(8, **FOR_US))}.{signature}"
    assert status(client, changed) == 401


def test_the_secret_s_tokens_are_good_beside(client: FlaskClient) -> None:
    assert status(client, hmac_token(**FOR_US)) == KNOWN


def test_without_a_secret_no_hs256_is_good(serve: Serve) -> None:
    client = serve(jwks([public_entry("ES256")]), JWT_SECRET_KEY="")
    assert status(client, token("ES256")) == KNOWN
    for secret in ("", "None", "null"):
        made = forged(payload=claims(**FOR_US), secret=secret)
        assert status(client, made) == 401


def test_an_hs256_token_that_names_a_public_key_is_under_the_secret(client: FlaskClient) -> None:
    made = forged({"alg": "HS256", "typ": "JWT", "kid": "ES256"}, claims(**FOR_US))
    assert status(client, made) == KNOWN


def test_a_remembered_token_of_a_removed_key_is_401(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(jwks([public_entry("ES256"), public_entry("RS256")]))
    remembered = token("ES256")
    assert [status(client, remembered) for _ in range(2)] == [KNOWN, KNOWN]
    (tmp_path / "keys").write_bytes(jwks([public_entry("RS256")]))
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 5)
    assert status(client, remembered) == 401


def test_a_key_of_the_same_kid_takes_the_place_of_the_old_one(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(jwks([public_entry("ES256", "1")]))
    old, new = token("ES256", "1"), token("ES256", "2")
    assert (status(client, old), status(client, new)) == (KNOWN, 401)
    (tmp_path / "keys").write_bytes(jwks([public_entry("ES256", "2")]))
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + 5)
    assert (status(client, old), status(client, new)) == (401, KNOWN)


def test_without_a_secret_the_reason_of_an_hs256_token_is_its_algorithm(
    serve: Serve, capfd: pytest.CaptureFixture[str]
) -> None:
    client = serve(jwks([public_entry("ES256")]), JWT_SECRET_KEY="")
    status(client, hmac_token(**FOR_US))
    assert '"reason":"algorithm"' in capfd.readouterr().err


def test_of_an_unknown_key_the_reason_is_the_key(
    client: FlaskClient, capfd: pytest.CaptureFixture[str]
) -> None:
    status(client, token("ES256", kid="unknown"))
    said = capfd.readouterr().err
    assert '"reason":"key"' in said
    assert "unknown" not in said
