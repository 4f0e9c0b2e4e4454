"""What a good token is, and minting one.

Flask-JWT-Extended mints; what clients send goes to PyJWT directly, since the library's own
decoding can't be configured as strictly as the contract wants it (docs/decisions/0003).
"""

import math
from datetime import timedelta
from typing import Any, NamedTuple

import jwt
from flask import current_app
from flask_jwt_extended import create_access_token
from jwt.exceptions import InvalidTokenError

from service.config import Settings
from service.schemas.fields import canonical_id

ADMIN = "admin"
ALGORITHM = "HS256"
_TYPES = ("jwt", "at+jwt", "application/jwt", "application/at+jwt")
_REQUIRED_CLAIMS = ["user_id", "token_type", "exp", "iat", "jti"]


class Token(NamedTuple):
    """What a verified token says."""

    user_id: int
    has_admin_role: bool
    expires: float
    """Seconds since the epoch, leeway included."""


class BadToken(InvalidTokenError):
    """A token that isn't good; its text says why."""


class Verifier:
    """Decides which tokens are good, under an application's settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secrets = (settings.jwt_secret_key, *settings.jwt_previous_secret_keys)

    def verify(self, encoded: str) -> Token:
        """Verify a token in compact form.

        Raises:
            BadToken: it isn't good.
        """
        try:
            return self._read(encoded)
        except BadToken:
            raise
        except (InvalidTokenError, ValueError, OverflowError, RecursionError) as error:
            # The last three come from claims that no JSON writer or clock would write.
            raise BadToken("malformed, or not valid now") from error

    def _read(self, encoded: str) -> Token:
        settings = self._settings
        _check_header(jwt.get_unverified_header(encoded))
        claims = self._signed_claims(encoded)
        _check_claims(claims, settings.jwt_max_lifetime)
        role = claims.get(settings.jwt_role_claim) if settings.jwt_role_claim else None
        return Token(
            user_id=canonical_id(claims["user_id"]) or 0,
            has_admin_role=role == ADMIN or (isinstance(role, list) and ADMIN in role),
            expires=int(claims["exp"]) + settings.jwt_leeway,
        )

    def _signed_claims(self, encoded: str) -> dict[str, Any]:
        """The claims, if one of the secrets signed them and PyJWT accepts them."""
        settings = self._settings
        for secret in self._secrets:
            try:
                return jwt.decode(
                    encoded,
                    secret,
                    algorithms=[ALGORITHM],
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
        raise BadToken("no secret fits the signature")


def _check_header(header: dict[str, Any]) -> None:
    # What `kid`, `jku` and the like name is not looked at: keys come from the settings alone.
    if "crit" in header or "b64" in header:
        raise BadToken("critical extensions are not supported")
    if "typ" in header and str(header["typ"]).lower() not in _TYPES:
        raise BadToken("typ is not that of an access token")


def _check_claims(claims: dict[str, Any], max_lifetime: int) -> None:
    if canonical_id(claims["user_id"]) is None:
        raise BadToken("user_id is no user's id")
    if claims["token_type"] != "access":  # noqa: S105 - no secret
        raise BadToken("token_type is not access")
    # PyJWT takes whatever int() does, strings included.
    if not all(_is_number(claims[name]) for name in ("exp", "iat", "nbf") if name in claims):
        raise BadToken("exp, iat and nbf are numbers of seconds")
    if claims["exp"] - claims["iat"] > max_lifetime:
        raise BadToken("the token's lifetime is too long")
    jti = claims["jti"]
    if not (isinstance(jti, str) and jti) and not _is_number(jti):
        raise BadToken("jti is neither a string nor a number")


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
