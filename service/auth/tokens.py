"""What a good token is, and minting one.

Flask-JWT-Extended mints; what clients send goes to PyJWT directly, since the library's own
decoding can't be configured as strictly as the contract wants it (docs/decisions/0003).
"""

import math
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import jwt
from flask import current_app
from flask_jwt_extended import create_access_token
from jwt.exceptions import InvalidTokenError, MissingRequiredClaimError, PyJWTError

from service.auth import keys
from service.auth.keys import KeySet
from service.config import Settings
from service.schemas.fields import canonical_id

ADMIN = "admin"
ALGORITHM = "HS256"
_TYPES = ("jwt", "at+jwt", "application/jwt", "application/at+jwt")
_REQUIRED_CLAIMS = ["user_id", "token_type", "exp", "iat", "jti"]
_REASONS = (
    (jwt.ExpiredSignatureError, "expired"),
    (jwt.ImmatureSignatureError, "not_yet_valid"),
    (jwt.InvalidSignatureError, "signature"),
    (jwt.InvalidAlgorithmError, "algorithm"),
    (jwt.InvalidAudienceError, "claim:aud"),
    (jwt.InvalidIssuerError, "claim:iss"),
    (jwt.InvalidIssuedAtError, "claim:iat"),
)


class Token(NamedTuple):
    """What a verified token says. Times are seconds since the epoch, leeway included."""

    user_id: int
    has_admin_role: bool
    valid_from: float
    expires: float


class BadToken(InvalidTokenError):
    """A token that isn't good.

    Its text is the reason in a word, for the log and the metrics: one of a few that stand here,
    never a word out of the token.
    """


class Verifier:
    """Decides which tokens are good, under an application's settings and the public keys of now.

    The algorithm in a token's header chooses the verifier: secrets for HS256, public keys for the
    others. No list ever holds both.
    """

    def __init__(self, settings: Settings, public_keys: Callable[[], KeySet] = keys.none) -> None:
        self._settings = settings
        self._public_keys = public_keys
        secrets = (settings.jwt_secret_key, *settings.jwt_previous_secret_keys)
        self._secrets = tuple(secret for secret in secrets if secret is not None)

    def verify(self, encoded: str) -> Token:
        """Verify a token in compact form.

        Raises:
            BadToken: it isn't good.
        """
        try:
            return self._read(encoded)
        except BadToken:
            raise
        except MissingRequiredClaimError as error:
            raise BadToken(f"claim:{error.claim}") from error
        except PyJWTError as error:
            reasons = (reason for kind, reason in _REASONS if isinstance(error, kind))
            raise BadToken(next(reasons, "malformed")) from error
        except (ValueError, OverflowError, RecursionError) as error:
            # From claims that no JSON writer or clock would write.
            raise BadToken("malformed") from error

    def _read(self, encoded: str) -> Token:
        settings = self._settings
        header = jwt.get_unverified_header(encoded)
        _check_header(header)
        claims = self._signed_claims(encoded, header)
        user_id = _check_claims(claims, settings.jwt_max_lifetime)
        role = claims.get(settings.jwt_role_claim) if settings.jwt_role_claim else None
        return Token(
            user_id=user_id,
            has_admin_role=role == ADMIN or (isinstance(role, list) and ADMIN in role),
            valid_from=max(int(claims["iat"]), int(claims.get("nbf", 0))) - settings.jwt_leeway,
            expires=int(claims["exp"]) + settings.jwt_leeway,
        )

    def _keys_for(self, header: dict[str, Any]) -> Sequence[bytes | jwt.PyJWK]:
        algorithm = header.get("alg")
        if algorithm == ALGORITHM and self._secrets:
            return self._secrets
        public = self._public_keys()
        if algorithm not in [key.algorithm_name for key in public.keys]:
            raise BadToken("algorithm")
        if found := public.that_fit(algorithm, header.get("kid")):
            return found
        raise BadToken("key")

    def _signed_claims(self, encoded: str, header: dict[str, Any]) -> dict[str, Any]:
        """The claims, if one of the keys signed them and PyJWT accepts them."""
        settings = self._settings
        for key in self._keys_for(header):
            try:
                return jwt.decode(
                    encoded,
                    key,
                    algorithms=[ALGORITHM if isinstance(key, bytes) else key.algorithm_name],
                    audience=settings.jwt_audience,
                    issuer=settings.jwt_issuer,
                    leeway=settings.jwt_leeway,
                    options={
                        "require": _REQUIRED_CLAIMS,
                        "verify_aud": settings.jwt_audience is not None,
                        "verify_sub": False,
                        "verify_jti": False,  # PyJWT would take strings only
                    },
                )
            except jwt.InvalidSignatureError:
                continue
        raise BadToken("signature")


def _check_header(header: dict[str, Any]) -> None:
    # `jku`, `jwk`, `x5u` and the like are not looked at: keys come from the settings alone.
    if "crit" in header or "b64" in header:
        raise BadToken("header:crit")
    if "typ" in header and str(header["typ"]).lower() not in _TYPES:
        raise BadToken("header:typ")


def _check_claims(claims: dict[str, Any], max_lifetime: int) -> int:
    """The user's id, if all is as it should be."""
    user_id = canonical_id(claims["user_id"])
    if user_id is None:
        raise BadToken("claim:user_id")
    if claims["token_type"] != "access":  # noqa: S105 - no secret
        raise BadToken("claim:token_type")
    for name in ("exp", "iat", "nbf"):
        # PyJWT takes whatever int() does, strings included.
        if name in claims and not _is_number(claims[name]):
            raise BadToken(f"claim:{name}")
    if claims["exp"] - claims["iat"] > max_lifetime:
        raise BadToken("lifetime")
    jti = claims["jti"]
    if not (isinstance(jti, str) and jti) and not _is_number(jti):
        raise BadToken("claim:jti")
    return user_id


def _is_number(value: object) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


def mint(user_id: int, *, role: str | None, lifetime: int) -> str:
    """Make an access token of the current application that lives for `lifetime` seconds."""
    claims: dict[str, Any] = {"token_type": "access"}
    if role is not None:
        claims[current_app.config["JWT_ROLE_CLAIM"]] = role
    token: str = create_access_token(
        user_id, additional_claims=claims, expires_delta=timedelta(seconds=lifetime)
    )
    return token
