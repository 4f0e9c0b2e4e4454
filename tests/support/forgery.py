"""Tokens that no library would make: any header, any payload, any bytes, any key."""

import base64
import hmac
import json
from typing import Any

from tests.support import factories


def encoded(part: object) -> str:
    """A part of a token: bytes as they are, anything else as JSON."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signature(signed: str, secret: str = factories.SECRET, digest: str = "sha256") -> str:
    return encoded(hmac.digest(secret.encode(), signed.encode(), digest))


def token(header: object = None, payload: object = None, *, secret: str = factories.SECRET) -> str:
    """A token with a right signature over whatever the two parts are.

    Without a header (a payload) the part is that of a good token.
    """
    header = {"alg": "HS256", "typ": "JWT"} if header is None else header
    payload = factories.claims() if payload is None else payload
    signed = f"{encoded(header)}.{encoded(payload)}"
    return f"{signed}.{signature(signed, secret)}"


def with_header(**changes: Any) -> str:
    """A good token whose header has these members too."""
    return token({"alg": "HS256", "typ": "JWT"} | changes)


def with_claim(name: str, value: str) -> str:
    """A good token in which one claim is this literal text, be it JSON or not."""
    claims = json.dumps(factories.claims(**{name: "@"}))
    return token(payload=claims.replace('"@"', value).encode())


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
