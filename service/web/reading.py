"""A request's body and query, strictly: what Werkzeug and webargs let pass is refused."""

import re
from typing import Any
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header, parse_options_header

from service import strict_json
from service.schemas.messages import Message
from service.web import edge, errors
from service.web.errors import Entry, Problem

Errors = dict[str, list[Message]]
"""What is wrong with each field."""

MOST_RANGES = 20
_JSON_RANGES = {"application/json", errors.MEDIA_TYPE, "application/*", "*/*"}
# `charset` and the like: JSON is JSON whatever they say.
_OTHER_PARAMETER = re.compile(r";\s*+(?!q\s*=)[^;]*", re.IGNORECASE)
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def check_accept(req: Request) -> None:
    """Refuse (406) who takes neither JSON nor problem+json."""
    header = req.environ.get("HTTP_ACCEPT")
    if not header or header == "*/*":
        return
    # Werkzeug's reader takes its time: it gets what matters, and not without end.
    ranges = [r for r in header.split(",") if r.partition(";")[0].strip().lower() in _JSON_RANGES]
    ranges = [_OTHER_PARAMETER.sub("", r) for r in ranges[:MOST_RANGES]]
    accepted = parse_accept_header(",".join(ranges), MIMEAccept)
    if not (accepted.quality("application/json") or accepted.quality(errors.MEDIA_TYPE)):
        raise errors.of_status(406)


def read_body(req: Request) -> bytes:
    """The body. The parser has refused one that says to be too large."""
    length = req.content_length
    if length is None:  # in chunks, if at all
        whole = req.get_data(cache=False)
        if len(whole) > edge.LARGEST_BODY:
            raise errors.of_status(413)
        return whole
    try:
        # As WSGI has it: Werkzeug would read through a stream that counts, in three times its time.
        raw: bytes = req.environ["wsgi.input"].read(length)
    except OSError:
        raise errors.of_status(400) from None
    if len(raw) < length:  # broken off
        raise errors.of_status(400)
    return raw


def read_json(req: Request, raw: bytes) -> dict[str, Any]:
    """The body as a JSON object."""
    if req.environ.get("CONTENT_TYPE") != "application/json":
        _check_media_type(req.environ.get("CONTENT_TYPE", ""))
    try:
        body = strict_json.loads(raw.decode())
    except ValueError as error:
        why = "not UTF-8, or compressed" if isinstance(error, UnicodeDecodeError) else str(error)
        text = f"The body is not well-formed JSON: {why}."
        raise Problem(400, Entry("parse_error", text)) from None
    if type(body) is not dict:
        raise Problem(400, Entry("invalid", "The body must be a JSON object."))
    return body


def _check_media_type(content_type: str) -> None:
    media_type, parameters = parse_options_header(content_type)
    charset = parameters.get("charset", "utf-8")
    if media_type.lower() != "application/json" or charset.lower() != "utf-8":
        text = "Send the body as Content-Type: application/json, in UTF-8."
        raise Problem(400, Entry("unsupported_media_type", text))


def read_query(req: Request) -> tuple[dict[str, Any], Errors]:
    """The query's parameters, and the errors of those that stand there more than once."""
    if not req.query_string:
        return {}, {}
    try:
        if _BROKEN_ESCAPE.search(req.query_string):
            raise ValueError  # which parse_qsl would take as it stands
        pairs = parse_qsl(
            req.query_string.decode(), keep_blank_values=True, errors="strict", max_num_fields=100
        )
    except ValueError:
        text = "The query is not made of names and values in percent-encoded UTF-8."
        raise Problem(400, Entry("parse_error", text)) from None
    query = dict(pairs)
    if len(query) == len(pairs):
        return query, {}
    names = [name for name, _ in pairs]
    text = Message("repeated", "Send this parameter once.")
    return query, {name: [text] for name in query if names.count(name) > 1}
