"""The one error body, RFC 9457's problem+json with the list that the JavaScript client reads.

Whoever refuses, the answer is made here: `Problem` is raised by our own rooms, `init_app`
turns everything else (routing, Flask, webargs, the database, a bug) into one.
"""

import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from flask import Flask, Response, g
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import HTTPException

from service.database.errors import Unavailable

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 1  # seconds

logger = logging.getLogger(__name__)


class Entry(NamedTuple):
    """One thing that is wrong, with a field or with the request as a whole (`field` is None)."""

    code: str
    message: str
    field: str | None = None

    def as_json(self) -> dict[str, Any]:
        message = {"code": self.code, "message": self.message}
        return message if self.field is None else {"field": self.field, "messages": [message]}


class Problem(HTTPException):
    """A refusal.

    Args:
        status: the HTTP status.
        entries: what is wrong; the first one's message is the body's `detail` as well.
        headers: further response headers.
    """

    def __init__(
        self, status: int, *entries: Entry, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(entries[0].message)
        self.code = status
        self.entries = entries
        self.headers = headers or {}

    def get_response(self, *_: Any) -> Response:
        return respond(self.code or 500, self.entries, self.headers)


def respond(status: int, entries: Sequence[Entry], headers: Mapping[str, str]) -> Response:
    """Make the response, and leave the first code for the log and the metrics."""
    g.refusal = entries[0].code
    return Response(_body(status, entries), status, headers, content_type=MEDIA_TYPE)


def raw_response(status: int) -> bytes:
    """A whole HTTP response, for a server that could not make a request of what it read."""
    problem = of_status(status)
    text = _body(status, problem.entries)
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
        f"Content-Type: {MEDIA_TYPE}\r\n"
        f"Content-Length: {len(text)}\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"X-Request-ID: {uuid.uuid4().hex}\r\n"
        "Connection: close\r\n\r\n"
    )
    return (head + text).encode("ascii")


def body(status: int, entries: Sequence[Entry]) -> dict[str, Any]:
    """The one body, as an object."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": entries[0].message,
        "errors": [entry.as_json() for entry in entries],
    }


def _body(status: int, entries: Sequence[Entry]) -> str:
    # ASCII: an unknown field's name may be no valid Unicode.
    return json.dumps(body(status, entries), separators=(",", ":"))


_OF_STATUS = {
    400: ("invalid", "The request is malformed."),
    401: ("not_authenticated", "Send a token: Authorization: Bearer <JWT>."),
    403: ("permission_denied", "You may not do this."),
    404: ("not_found", "There is nothing here."),
    405: (
        "method_not_allowed",
        "This address does not serve this method; Allow names those it does.",
    ),
    406: ("not_acceptable", "The answer is JSON, which the Accept header does not admit."),
    410: (
        "gone",
        "Some of these events have been pruned; take an export, and follow from its next_after.",
    ),
    413: ("too_large", "The body is larger than 64 KiB."),
    414: ("uri_too_long", "The request target is longer than 8 KiB."),
    429: ("throttled", "Too many requests; Retry-After says when to try again."),
    503: (
        "unavailable",
        "The service can't do this for now. Try again: to repeat a request does no harm.",
    ),
}


def of_status(status: int, **headers: str) -> Problem:
    """The problem that says no more than its status does."""
    code, message = _OF_STATUS.get(
        status, (HTTPStatus(status).name.lower(), HTTPStatus(status).description)
    )
    if status in (429, 503):
        headers.setdefault("Retry-After", str(RETRY_AFTER))
    return Problem(status, Entry(code, message or HTTPStatus(status).phrase), headers=headers)


def init_app(app: Flask) -> None:
    """Answer every exception with the one body."""
    app.register_error_handler(Unavailable, _of_unavailable)
    # In a body's chunks, when they are read. gunicorn closes the connection then.
    app.register_error_handler(ParseException, lambda _: of_status(400).get_response())
    app.register_error_handler(Exception, _of_bug)


def of_http_exception(error: HTTPException) -> Response:
    """Answer what Flask, routing or webargs raised; flask-smorest's Api registers this."""
    if isinstance(error, Problem):
        return error.get_response()
    status = 400 if error.code == 422 else error.code or 500  # 422: webargs' idea of bad input
    problem = of_status(status)
    # `Allow`, `Retry-After` and the like.
    kept = {k: v for k, v in error.get_headers() if k not in ("Content-Type", "Location")}
    return respond(problem.code or 500, problem.entries, {**problem.headers, **kept})


def _of_unavailable(error: Exception) -> Response:
    logger.warning("database unavailable", extra={"reason": str(error)})
    return of_status(503).get_response()


def _of_bug(error: Exception) -> Response:
    logger.exception("unforeseen error")
    message = f"Something went wrong here; the log has more under request id {g.request_id}."
    return respond(500, [Entry("error", message)], {})
