"""The floor: bare WSGI, PyJWT and psycopg, nothing that could be left out."""

import json
import os
import re
import threading
from collections.abc import Callable, Iterable
from typing import Any

import jwt
import psycopg
from psycopg.types.json import Json

SECRET = os.environ["JWT_SECRET_KEY"]
PROVIDER = re.compile(r"[a-z0-9]([a-z0-9_-]{0,62}[a-z0-9])?")
URL = re.compile(r"https?://[^\s/?#@\\]+([/?#][^\s\\]*)?")
LIST = re.compile(r"/api/v2/user/([1-9][0-9]{0,18})/provider/")

FIELDS = ("user_id", "provider", "ext_id", "profile_url", "show_in_profile", "metadata")
INSERT = """
INSERT INTO social_association
    (user_id, provider, ext_id, profile_url, show_in_profile, metadata, created_by,
     created_at, updated_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, now(), now())
ON CONFLICT DO NOTHING RETURNING user_id
"""
SELECT = """
SELECT user_id, provider, ext_id, profile_url, show_in_profile, metadata
FROM social_association WHERE user_id = %s ORDER BY created_at, provider, ext_id
"""

STATUS = {
    200: "200 OK",
    201: "201 Created",
    400: "400 Bad Request",
    401: "401 Unauthorized",
    403: "403 Forbidden",
    404: "404 Not Found",
    409: "409 Conflict",
}


class Local(threading.local):
    """A connection for each of gunicorn's threads."""

    def __init__(self) -> None:
        self.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


local = Local()


def caller(environ: dict[str, Any]) -> int | None:
    scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme != "Bearer":
        return None
    try:
        claims = jwt.decode(token, SECRET, ["HS256"], options={"require": ["exp", "user_id"]})
    except jwt.InvalidTokenError:
        return None
    return claims["user_id"] if claims.get("token_type") == "access" else None


def valid(body: Any) -> bool:
    if not isinstance(body, dict):
        return False
    user_id, provider, ext_id, url, shown, metadata = map(body.get, FIELDS)
    external = provider == "external"
    return (
        type(user_id) is int
        and 0 < user_id < 2**63
        and isinstance(provider, str)
        and PROVIDER.fullmatch(provider) is not None
        and isinstance(ext_id, str)
        and 0 < len(ext_id) < 256
        and ext_id.isprintable()
        and (url is None or not external)
        and (url is None or isinstance(url, str))
        and (url is None or (len(url) <= 2048 and URL.fullmatch(url) is not None))
        and (shown in (None, False) or (shown is True and not external))
        and (metadata is None or (isinstance(metadata, dict) and external))
    )


def representation(row: Any) -> dict[str, Any]:
    user_id, provider, ext_id, url, shown, metadata = row
    known = {"user_id": user_id, "provider": provider, "ext_id": ext_id}
    if provider == "external":
        return known | {"metadata": metadata}
    return known | {"profile_url": url, "show_in_profile": shown}


def create(environ: dict[str, Any], user_id: int) -> tuple[int, Any]:
    body = json.loads(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    if not valid(body):
        return 400, {"detail": "invalid"}
    if body["user_id"] != user_id:
        return 403, {"detail": "not yours"}
    *row, shown, metadata = map(body.get, FIELDS)
    row.append(bool(shown))
    stored = None if metadata is None else Json(metadata)
    if local.connection.execute(INSERT, (*row, stored, user_id)).fetchone() is None:
        return 409, {"detail": "taken"}
    return 201, representation((*row, metadata))


def answer(environ: dict[str, Any]) -> tuple[int, Any]:
    user_id = caller(environ)
    if user_id is None:
        return 401, {"detail": "token"}
    if environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] == "/api/v2/user/provider/":
        return create(environ, user_id)
    path = LIST.fullmatch(environ["PATH_INFO"])
    if path is None:
        return 404, {"detail": "not found"}
    if int(path[1]) != user_id:
        return 403, {"detail": "not yours"}
    return 200, [representation(row) for row in local.connection.execute(SELECT, (user_id,))]


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    try:
        status, body = answer(environ)
    except ValueError:
        status, body = 400, {"detail": "not JSON"}
    data = json.dumps(body).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(data)))]
    start_response(STATUS[status], headers)
    return [data]
