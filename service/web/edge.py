"""Around every request: its id, its headers, CORS, the longest target, its line in the log."""

import logging
import random
import re
import time
from functools import cache, lru_cache
from typing import Any

from flask import Flask, Response, g, request

from service.telemetry import logs, metrics
from service.web import errors

logger = logging.getLogger(__name__)

LONGEST_TARGET = 8 * 1024  # bytes
LARGEST_BODY = 64 * 1024  # bytes

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_CORS_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
    # `*` stands for all others but Authorization: monitoring scripts add their own.
    "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Request-ID, *",
    "Access-Control-Max-Age": "86400",
}


def init_app(app: Flask, cors_origins: frozenset[str]) -> None:
    """Wrap every request of `app`; `cors_origins` may call it from a browser (`*`: all may)."""
    # One more: Werkzeug cuts a chunked body off at its limit without a word, and the parser
    # must see that there was more.
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY + 1

    @app.before_request
    def begin() -> None:
        environ = request.environ
        given = environ.get("HTTP_X_REQUEST_ID", "")
        state = g._get_current_object()  # once: each use of a proxy looks it up
        state.started = time.perf_counter()
        state.request_id = given if _SANE_REQUEST_ID.fullmatch(given) else _new_id()
        state.actor_id = state.refusal = state.token_refusal = None
        if _target_length(environ) > LONGEST_TARGET:
            raise errors.of_status(414)
        if environ["PATH_INFO"].startswith("//"):
            raise errors.of_status(404)  # which the router would tidy

    @app.after_request
    def end(response: Response) -> Response:
        state = g._get_current_object()
        headers = response.headers
        # Only what says otherwise may be stored: the documentation's files.
        if not any(name == "Cache-Control" for name, _ in headers):
            headers.add("Cache-Control", "no-store")
        headers.add("X-Content-Type-Options", "nosniff")
        headers.add("X-Request-ID", state.request_id)
        if cors_origins:
            _allow_origin(response, cors_origins)
        duration = time.perf_counter() - state.started
        seen = operation_of(request.endpoint), response.status_code, duration
        for note in (metrics.observe, logs.request_done):
            try:
                note(*seen, state.refusal, state.token_refusal)
            except Exception as error:
                # What was changed is changed: the answer must not deny it.
                _say_once(note.__name__, type(error).__name__)
        return response


@lru_cache(maxsize=256)
def operation_of(endpoint: str | None) -> str:
    """The operation's name for logs and metrics: one for both forms of the path."""
    return (endpoint or "none").rpartition(".")[2].removesuffix("_for_user")


@cache
def _say_once(what: str, kind: str) -> None:
    logger.exception("%s failed", what)


def _new_id() -> str:
    return f"{random.getrandbits(128):032x}"


def _target_length(environ: dict[str, Any]) -> int:
    # gunicorn hands the target on as it was sent; elsewhere it is put together again.
    target = environ.get("RAW_URI") or f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}"
    return len(target)


def _allow_origin(response: Response, origins: frozenset[str]) -> None:
    headers = response.headers
    if "*" in origins:
        headers["Access-Control-Allow-Origin"] = "*"
    else:
        # Also when there is no Origin: a cache must not give this answer to a browser.
        headers.add("Vary", "Origin")
        origin = request.environ.get("HTTP_ORIGIN")
        if origin not in origins:
            return
        headers["Access-Control-Allow-Origin"] = origin
    headers["Access-Control-Expose-Headers"] = "X-Request-ID, Retry-After"
    if request.method == "OPTIONS":
        headers.update(_CORS_PREFLIGHT)
