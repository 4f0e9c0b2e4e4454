"""What a good token is, through Flask-JWT-Extended.

As it comes the library accepts more than the contract does; `StrictJWTManager` decides what
a good token is, `Tokens` remembers the good ones until they expire.
"""

import math
import threading
import time
from datetime import timedelta
from typing import Any, NamedTuple

import jwt
from flask import Flask, Response, current_app
from flask_jwt_extended import JWTManager, create_access_token, decode_token
from jwt.exceptions import InvalidTokenError

from service.config import Settings
from service.schemas.fields import canonical_id
from service.telemetry import metrics
from service.web.errors import Entry, Problem

ADMIN = "admin"
_ALGORITHM = "HS256"
_TYPES = ("jwt", "at+jwt", "application/jwt", "application/at+jwt")
_REQUIRED_CLAIMS = ["user_id", "token_type", "exp", "iat", "jti"]
_LONGEST_REMEMBERED = 2048  # characters
_MOST_REMEMBERED = 4096


class Token(NamedTuple):
    """What a verified token says."""

    user_id: int
    has_admin_role: bool
    expires: float
    """Seconds since the epoch, leeway included."""


class StrictJWTManager(JWTManager):
    """Flask-JWT-Extended with the contract's idea of a good token.

    The library fixes PyJWT's options in a function that can't be configured; this method is
    the one place through which each of its decodings goes.
    """

    settings: Settings

    def _decode_jwt_from_config(
        self, encoded_token: str, csrf_value: object = None, allow_expired: bool = False
    ) -> dict[str, Any]:
        settings = self.settings
        keys = (settings.jwt_secret_key, *settings.jwt_previous_secret_keys)
        for key in keys:
            try:
                decoded = jwt.decode_complete(
                    encoded_token,
                    key,
                    algorithms=[_ALGORITHM],
                    audience=settings.jwt_audience,
                    issuer=settings.jwt_issuer,
                    leeway=settings.jwt_leeway,
                    options={
                        "require": _REQUIRED_CLAIMS,
                        "verify_aud": settings.jwt_audience is not None,
                        "verify_sub": False,
                        "verify_jti": False,  # a number will do as well
                    },
                )
            except jwt.InvalidSignatureError:
                continue
            except jwt.ExpiredSignatureError:
                # The library's handler for this one wants attributes that only it can set.
                raise InvalidTokenError("expired") from None
            claims: dict[str, Any] = decoded["payload"]
            _check_header(decoded["header"])
            _check_claims(claims, settings.jwt_max_lifetime)
            return claims
        raise jwt.InvalidSignatureError("no key fits the signature")


def _check_header(header: dict[str, Any]) -> None:
    # PyJWT refuses `crit` lists that it doesn't know, and takes keys from nowhere but us.
    if "crit" in header or "b64" in header:
        raise InvalidTokenError("critical extensions are not supported")
    if "typ" in header and str(header["typ"]).lower() not in _TYPES:
        raise InvalidTokenError("typ is not that of an access token")


def _check_claims(claims: dict[str, Any], max_lifetime: int) -> None:
    if canonical_id(claims["user_id"]) is None:
        raise InvalidTokenError("user_id is no user's id")
    if claims["token_type"] != "access":  # noqa: S105 - no secret
        raise InvalidTokenError("token_type is not access")
    # PyJWT takes whatever int() does, strings included.
    if not all(_is_number(claims[name]) for name in ("exp", "iat", "nbf") if name in claims):
        raise InvalidTokenError("exp, iat and nbf are numbers of seconds")
    if claims["exp"] - claims["iat"] > max_lifetime:
        raise InvalidTokenError("the token's lifetime is too long")
    jti = claims["jti"]
    if not (isinstance(jti, str) and jti) and not _is_number(jti):
        raise InvalidTokenError("jti is neither a string nor a number")


def _is_number(value: object) -> bool:
    return type(value) is int or (type(value) is float and math.isfinite(value))


class Tokens:
    """The application's tokens: verifies, remembers what it verified, mints.

    To verify a signature and to decode costs more than all else of a request; clients send
    the same token over and over. What is remembered holds for one application and so for one
    set of keys, and is looked at for its expiry on each use. That strings are compared in
    variable time tells nothing: the table is found by a keyed hash.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._remembered: dict[str, Token] = {}
        self._lock = threading.Lock()

    def verify(self, encoded: str) -> Token:
        """Verify a token in compact form.

        Raises:
            jwt.exceptions.InvalidTokenError: it isn't good; handled by the loaders below.
        """
        token = self._remembered.get(encoded)
        if token is not None:
            if token.expires > time.time():
                metrics.TOKEN_HITS.inc()
                return token
            with self._lock:
                self._remembered.pop(encoded, None)
        metrics.TOKEN_MISSES.inc()
        try:
            claims = decode_token(encoded)
        except (ValueError, OverflowError, RecursionError) as error:
            # From claims that no JSON writer or clock would write.
            raise InvalidTokenError("the token can't be read") from error
        role = claims.get(self._settings.jwt_role_claim) if self._settings.jwt_role_claim else None
        token = Token(
            user_id=canonical_id(claims["user_id"]) or 0,
            has_admin_role=role == ADMIN or (isinstance(role, list) and ADMIN in role),
            expires=int(claims["exp"]) + self._settings.jwt_leeway,
        )
        self._remember(encoded, token)
        return token

    def _remember(self, encoded: str, token: Token) -> None:
        if len(encoded) > _LONGEST_REMEMBERED:
            return
        with self._lock:
            if len(self._remembered) >= _MOST_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]  # the oldest
            self._remembered[encoded] = token

    def mint(self, user_id: int, *, role: str | None, lifetime: int) -> str:
        """Make an access token that lives for `lifetime` seconds."""
        claims: dict[str, Any] = {"token_type": "access"}
        if role is not None:
            claims[self._settings.jwt_role_claim] = role
        token: str = create_access_token(
            user_id, additional_claims=claims, expires_delta=timedelta(seconds=lifetime)
        )
        return token


def init_app(app: Flask, settings: Settings) -> None:
    app.config.update(
        JWT_SECRET_KEY=settings.jwt_secret_key,
        JWT_ALGORITHM=_ALGORITHM,
        JWT_IDENTITY_CLAIM="user_id",
        JWT_TOKEN_LOCATION=["headers"],
        JWT_ENCODE_AUDIENCE=settings.jwt_audience,
        JWT_ENCODE_ISSUER=settings.jwt_issuer,
    )
    manager = StrictJWTManager(app)
    manager.settings = settings
    # Whatever the library's handlers see is a token that isn't good.
    manager.invalid_token_loader(_refuse_token)
    manager.expired_token_loader(_refuse_token)
    manager.revoked_token_loader(_refuse_token)
    manager.needs_fresh_token_loader(_refuse_token)
    manager.token_verification_failed_loader(_refuse_token)
    manager.user_lookup_error_loader(_refuse_token)
    manager.unauthorized_loader(_refuse_token)
    app.extensions["tokens"] = Tokens(settings)


def current() -> Tokens:
    """The current application's tokens."""
    found: Tokens = current_app.extensions["tokens"]
    return found


def _refuse_token(*_: object) -> Response:
    """401 for a token that isn't good; why stays untold, since it may be an attacker's."""
    entry = Entry("invalid_token", "The token is not valid or has expired; get a new one.")
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return Problem(401, entry, headers=challenge).get_response()
