"""What `JWT_PUBLIC_KEYS_FILE` may hold: a JWKS (RFC 7517), or public keys in PEM.

A key verifies one algorithm, which its own type decides, never a token. `jwt.PyJWKSet` would skip
in silence what must stop the start, so each key is a `jwt.PyJWK` made here.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.exceptions import PyJWTError

from service import strict_json

_ALGORITHM_OF = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
_ALGORITHMS = ", ".join(_ALGORITHM_OF.values())
_LEAST_RSA_BITS = 2048
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})
_IN_PEM: tuple[tuple[type, Any], ...] = (
    (RSAPublicKey, RSAAlgorithm),
    (EllipticCurvePublicKey, ECAlgorithm),
    (Ed25519PublicKey, OKPAlgorithm),
)
_PEM = re.compile(r"-----BEGIN ([^\n]*?)-----\s.*?-----END \1-----", re.DOTALL)


class UnusableFile(Exception):
    """Why the file can't be used: the rest of a sentence, with nothing of a key in it."""


class KeySet(NamedTuple):
    """The keys of one state of the file."""

    keys: tuple[jwt.PyJWK, ...] = ()
    are_named: bool = True
    """Those of a JWKS are known by their `kid`; those in PEM have none."""

    def that_fit(self, algorithm: str, kid: str | None) -> tuple[jwt.PyJWK, ...]:
        """The keys under which a token with this header may have been signed."""
        fitting = tuple(key for key in self.keys if key.algorithm_name == algorithm)
        if not self.are_named:
            return fitting
        if kid is not None:
            return tuple(key for key in fitting if key.key_id == kid)
        return fitting if len(fitting) == 1 else ()


_NONE = KeySet()


def none() -> KeySet:
    """For a service without such a file."""
    return _NONE


def parse(content: bytes) -> KeySet:
    """The keys in a file's content.

    Raises:
        UnusableFile: it holds something else, no key that verifies a token here, or one that
            must not be in it.
    """
    try:
        text = content.decode()
    except ValueError:
        raise UnusableFile("is not UTF-8.") from None
    is_jwks = text.lstrip().startswith("{")
    keys = tuple(_keys_of_jwks(text) if is_jwks else _keys_of_pem(text))
    if not keys:
        raise UnusableFile(f"holds no key that verifies {_ALGORITHMS}.")
    names = [key.key_id for key in keys if key.key_id is not None]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UnusableFile(f"holds several keys of one kid: {min(twice)!r}.")
    return KeySet(keys, are_named=is_jwks)


def _keys_of_jwks(text: str) -> Iterator[jwt.PyJWK]:
    try:
        entries = strict_json.loads(text).get("keys")
    except ValueError as error:
        raise UnusableFile(f"is no JWKS: {error}.") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UnusableFile("is no JWKS: its keys are not a list of objects.")
    for entry in entries:
        if "k" in entry:
            raise UnusableFile("holds a symmetric key; it is for public keys only.")
        if entry.keys() & _PRIVATE_MEMBERS:
            raise UnusableFile("holds a private key; it is for public keys only.")
        algorithm = _algorithm_of(entry)
        if algorithm is not None and _is_for_signatures(entry, algorithm):
            yield _key(entry, algorithm)


def _algorithm_of(entry: dict[str, Any]) -> str | None:
    """The one algorithm that a key of this type verifies here."""
    kind = (entry.get("kty"), entry.get("crv"))
    return next((name for known, name in _ALGORITHM_OF.items() if known == kind), None)


def _is_for_signatures(entry: dict[str, Any], algorithm: str) -> bool:
    operations = entry.get("key_ops", ["verify"])
    return (
        entry.get("alg", algorithm) == algorithm
        and entry.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
    )


def _key(entry: dict[str, Any], algorithm: str) -> jwt.PyJWK:
    kid = entry.get("kid")
    if not (kid is None or isinstance(kid, str)):
        raise UnusableFile("holds a key whose kid is no text.")
    try:
        key = jwt.PyJWK(entry, algorithm)
    except PyJWTError:
        raise UnusableFile(f"holds a key that is none for {algorithm}, kid {kid!r}.") from None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < _LEAST_RSA_BITS:
        raise UnusableFile(
            f"holds an RSA key of {key.key.key_size} bits, kid {kid!r}; "
            f"{_LEAST_RSA_BITS} are the least."
        )
    return key


def _keys_of_pem(text: str) -> Iterator[jwt.PyJWK]:
    blocks = list(_PEM.finditer(text))
    if len(blocks) != text.count("-----BEGIN"):
        raise UnusableFile("holds a PEM block that does not end.")
    for block in blocks:
        if "PRIVATE" in block[1]:
            raise UnusableFile("holds a private key; it is for public keys only.")
        entry = _entry_of_pem(block[0].encode())
        algorithm = _algorithm_of(entry)
        if algorithm is None:
            raise UnusableFile(f"holds a key that verifies none of {_ALGORITHMS}.")
        yield _key(entry, algorithm)


def _entry_of_pem(block: bytes) -> dict[str, Any]:
    """The key as a JWKS would have it."""
    try:
        key = load_pem_public_key(block)
        for kind, algorithm in _IN_PEM:
            if isinstance(key, kind):
                entry: dict[str, Any] = algorithm.to_jwk(key, as_dict=True)
                return entry
    except (ValueError, UnsupportedAlgorithm, PyJWTError):
        raise UnusableFile("holds a PEM block that is no public key.") from None
    return {}
