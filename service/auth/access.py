"""From the request's bearer token to the actor, and what the actor may do."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

from flask import Flask, Response, current_app, g, request
from flask_jwt_extended import JWTManager

from service import policy
from service.auth import keys
from service.auth.key_file import KeyFile
from service.auth.remembered import Remembered
from service.auth.tokens import ALGORITHM, BadToken, Token, Verifier
from service.config import Settings
from service.policy import Actor
from service.store import admins
from service.store.recording import Origin
from service.telemetry import logs
from service.web import errors
from service.web.api import BEARER_OPTIONAL, BEARER_REQUIRED, Blueprint
from service.web.errors import Entry, Problem

# The scheme alone is in any case: to look for all of a token so takes three times as long.
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)", re.ASCII)


def init_app(app: Flask, settings: Settings) -> None:
    app.config.update(
        JWT_SECRET_KEY=settings.jwt_secret_key,
        JWT_ALGORITHM=ALGORITHM,
        JWT_IDENTITY_CLAIM="user_id",
        JWT_ENCODE_AUDIENCE=settings.jwt_audience,
        JWT_ENCODE_ISSUER=settings.jwt_issuer,
    )
    JWTManager(app).invalid_token_loader(_refuse_bad_token)
    file = settings.jwt_public_keys_file
    public_keys = KeyFile(file).current if file else keys.none
    app.extensions["tokens"] = Remembered(Verifier(settings, public_keys).verify, public_keys)


def _refuse_bad_token(reason: str) -> Response:
    # For the log and the metrics. The answer doesn't say why: an attacker may be asking.
    g.token_refusal = reason
    entry = Entry("invalid_token", "The token is not valid or has expired; get a new one.")
    challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    return Problem(401, entry, headers=challenge).get_response()


def _ask_for_token() -> NoReturn:
    raise errors.of_status(401, **{"WWW-Authenticate": "Bearer"})


def _identify() -> Token | None:
    """The token of the request; None when no Authorization header was sent."""
    header = request.environ.get("HTTP_AUTHORIZATION")
    if header is None:
        return None
    found = _BEARER.fullmatch(header.strip(" \t"))
    if found is None:
        raise BadToken("header")
    token: Token = current_app.extensions["tokens"].verify(found[1])
    g.token = token
    g.actor_id = token.user_id
    return token


def bearer_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse who sends no good token (401) or may not manage the path's user (403)."""

    def check(user_id: int | None) -> None:
        if user_id is not None:
            authorize(policy.may_manage, user_id)

    return _token_required(view, check)


def admin_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse who sends no good token (401) or is no admin (403), whoever the path's user is."""

    return _token_required(view, lambda user_id: authorize(policy.is_for_admins, user_id))


def _token_required(
    view: Callable[..., Any], check: Callable[[int | None], None]
) -> Callable[..., Any]:
    """The view behind a token and a check of the path's user.

    That user is taken out of the view's arguments: the parser puts it into the fields.
    """

    @wraps(view)
    def wrapper(*args: Any, user_id: int | None = None, **kwargs: Any) -> Any:
        if _identify() is None:
            _ask_for_token()
        check(user_id)
        return view(*args, **kwargs)

    documented: Callable[..., Any] = Blueprint.doc(security=BEARER_REQUIRED)(wrapper)
    return documented


def bearer_optional(*but_required_for: str) -> Callable[..., Any]:
    """Let pass who sends no token, but for these query parameters. A bad token is 401."""

    def decorator(view: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(view)
        def wrapper(*args: Any, user_id: int | None = None, **kwargs: Any) -> Any:
            if _identify() is None and any(name in request.args for name in but_required_for):
                _ask_for_token()
            return view(*args, **kwargs)

        documented: Callable[..., Any] = Blueprint.doc(security=BEARER_OPTIONAL)(wrapper)
        return documented

    return decorator


def caller_id() -> int | None:
    """The caller's id; None for an anonymous one."""
    token: Token | None = g.get("token")
    return token and token.user_id


def origin() -> Origin:
    """Who makes the changes of this request, in a view that requires a token."""
    token: Token = g.token
    return Origin(token.user_id, g.request_id)


def actor(concerning: int | None) -> Actor | None:
    """The caller, with the admin role if it matters.

    A grant is looked up only when the caller is not the user concerned, and each time: its
    withdrawal counts at once.
    """
    token: Token | None = g.get("token")
    if token is None:
        return None
    is_admin = token.has_admin_role or (
        token.user_id != concerning and admins.is_granted(token.user_id)
    )
    return Actor(token.user_id, is_admin)


def authorize(rule: policy.Rule, user_id: int | None = None, provider: str | None = None) -> None:
    """Refuse (403) unless the rule lets the caller do this.

    Args:
        rule: one of `service.policy`.
        user_id: whose associations it concerns; None for what concerns nobody in particular.
        provider: for the log.
    """
    # What is for admins takes the role of the user concerned too: a grant is looked up then.
    concerning = None if rule is policy.is_for_admins else user_id
    if not rule(actor(concerning), user_id):
        logs.audit("refused", user_id, provider)
        raise errors.of_status(403)
