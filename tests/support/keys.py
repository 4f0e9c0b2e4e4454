"""Private keys for tests, their public halves as a JWKS or PEM, and tokens signed with them."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from service import strict_json
from tests.support import tokens

AUDIENCE, ISSUER = "social", "https://platform.example"
ALGORITHMS = ("RS256", "ES256", "EdDSA")
_TO_JWK: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}


def private(algorithm: str, name: str = "1", bits: int = 2048) -> Any:
    """A private key; another one for each `name`."""
    return _private(algorithm, name, bits)


@cache
def _private(algorithm: str, name: str, bits: int) -> Any:
    if algorithm == "RS256":
        return rsa.generate_private_key(65537, bits)
    if algorithm == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    return ed25519.Ed25519PrivateKey.generate()


def public(algorithm: str, name: str = "1", bits: int = 2048) -> Any:
    return private(algorithm, name, bits).public_key()


def entry(key: Any, algorithm: str, **changes: Any) -> dict[str, Any]:
    """The key as an entry of a JWKS; a change to `...` leaves that member out."""
    made = _TO_JWK[algorithm].to_jwk(key, as_dict=True)
    made = {"kid": algorithm, "use": "sig", "alg": algorithm} | made | changes
    return {name: value for name, value in made.items() if value is not ...}


def public_entry(algorithm: str, name: str = "1", **changes: Any) -> dict[str, Any]:
    return entry(public(algorithm, name), algorithm, **changes)


def jwks(entries: Iterable[dict[str, Any]]) -> bytes:
    return strict_json.dumps({"keys": list(entries)}).encode()


def pem(key: Any) -> bytes:
    """A public key, or a private one, in PEM."""
    if hasattr(key, "private_bytes"):
        made: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    else:
        made = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return made


def token(
    algorithm: str, name: str = "1", *, kid: object = ..., header: Any = None, **changes: Any
) -> str:
    """A token of user 7 under a private key. Its `kid` is the algorithm unless given."""
    claims = tokens.claims(**{"aud": AUDIENCE, "iss": ISSUER} | changes)
    headers = {"kid": algorithm if kid is ... else kid} | (header or {})
    headers = {name: value for name, value in headers.items() if value is not None}
    return jwt.encode(claims, private(algorithm, name), algorithm, headers)


def environment(path: object) -> dict[str, str]:
    """Settings beside the database's for a file of public keys."""
    return {
        "JWT_PUBLIC_KEYS_FILE": str(path),
        "JWT_AUDIENCE": AUDIENCE,
        "JWT_ISSUER": ISSUER,
    }
