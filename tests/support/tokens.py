"""Tokens: good ones, and such as no library would make (any header, any payload, any key)."""

import base64
import hmac
import json
import time
import uuid
from typing import Any

import jwt

SECRET = "a-secret-for-tests-of-at-least-32-bytes"


def claims(user_id: object = 7, **changes: Any) -> dict[str, Any]:
    """The claims of a good token; a change to `...` leaves that claim out."""
    now = int(time.time())
    good = {
        "user_id": user_id,
        "token_type": "access",
        "iat": now,
        # Those made when tests are collected must last until the last of them has run.
        "exp": now + 6 * 3600,
        "jti": uuid.uuid4().hex,
    }
    return {name: value for name, value in (good | changes).items() if value is not ...}


def token(user_id: object = 7, *, secret: str = SECRET, **changes: Any) -> str:
    """A token with these claims, as the platform mints it."""
    return jwt.encode(claims(user_id, **changes), secret, "HS256")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def forged(header: object = None, payload: object = None, *, secret: str = SECRET) -> str:
    """A token with a right signature over whatever the two parts are.

    Without a header (a payload) the part is that of a good token.
    """
    header = {"alg": "HS256", "typ": "JWT"} if header is None else header
    payload = claims() if payload is None else payload
    signed = f"{encoded(header)}.{encoded(payload)}"
    return f"{signed}.{signature(signed, secret)}"


def with_header(**changes: Any) -> str:
    """A good token whose header has these members too."""
    return forged({"alg": "HS256", "typ": "JWT"} | changes)


def with_claim(name: str, value: str) -> str:
    """A good token in which one claim is this literal text, be it JSON or not."""
    written = json.dumps(claims(**{name: "@"}))
    return forged(payload=written.replace('"@"', value).encode())


def encoded(part: object) -> str:
    """A part of a token: bytes as they are, anything else as JSON."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signature(signed: str, secret: str = SECRET, digest: str = "sha256") -> str:
    return encoded(hmac.digest(secret.encode(), signed.encode(), digest))
