"""What the OpenAPI document says of refusals: their statuses, headers and the one body."""

from http import HTTPStatus
from typing import NamedTuple

from apispec import APISpec

from service.schemas.fields import Json
from service.web import errors
from service.web.errors import Entry

OF_ANY_OPERATION = (405, 406, 414, 429, 500, 503)
# Where a status has more to say than its problem's message.
_DESCRIPTIONS = {
    400: "Malformed or against a rule; all broken fields at once. Codes of a field: `required`, "
    "`null`, `invalid`, `max_length`, `unknown`, `repeated`, `not_applicable` (not with this "
    "provider), `invalid_choice` (a provider that can't be linked here), `mismatch` (another "
    "user than is named beside it). Of the request: `parse_error`, `unsupported_media_type`, "
    "`invalid`.",
    401: "No token (`not_authenticated`), or one that isn't good (`invalid_token`).",
    403: "Not this caller's to do: somebody else's associations, or what is for admins, such as "
    "links at providers that the operator keeps for them.",
    404: "This user has no such association, whoever else may; or the path's user can't exist.",
    409: "The pair is linked already, to this user with other values or to another user "
    "(`unique`); or the user has as many associations as one may have (`limit`).",
    500: "A bug. The message holds the request's id and nothing of the inside.",
}
_ENTRIES = {
    400: Entry("required", "This field is required.", "ext_id"),
    409: Entry("unique", "This provider and ext_id are linked already, or with other values."),
    500: Entry("error", "Something went wrong here; the log has more under request id 0b7f2c61."),
}


class Named(NamedTuple):
    """A refusal whose status means something else than it does for most operations."""

    status: int
    description: str
    entry: Entry


NAMED = {
    "UNKNOWN_USER": Named(404, "The path's user can't exist.", errors.of_status(404).entries[0]),
    "NEITHER_HAS_IT": Named(
        404,
        "Neither user has this association; or the path's user can't exist.",
        Entry("not_found", "Neither user has an association with this provider and ext_id."),
    ),
    "OVER_THE_CAP": Named(
        409,
        "The user to have it would have more associations than one may (`limit`).",
        Entry("limit", "The user to have it would have more associations than one may."),
    ),
}
_HEADERS: dict[str, Json] = {
    "X-Request-ID": {
        "description": "The request's id in the log: the caller's own `X-Request-ID` if it has "
        "1 to 128 of `A-Z a-z 0-9 . _ -`, else a new one.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"},
        "example": "0b7f2c61d3f54d0e9a3c5b1a2f6e8d47",
    },
    "WWW-Authenticate": {
        "description": 'With `error="invalid_token"` when a token was sent.',
        "schema": {"type": "string", "pattern": "^Bearer"},
        "example": "Bearer",
    },
    "Allow": {
        "description": "The methods that this path serves.",
        "schema": {"type": "string"},
        "example": "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
    },
    "Retry-After": {
        "description": "Seconds to wait.",
        "schema": {"type": "integer", "minimum": 0},
        "example": errors.RETRY_AFTER,
    },
}
_HEADER_OF = {401: "WWW-Authenticate", 405: "Allow", 429: "Retry-After", 503: "Retry-After"}


def register(spec: APISpec) -> None:
    """Add to the document's components; a status' response has the name of `HTTPStatus`."""
    for name, schema in _SCHEMAS.items():
        spec.components.schema(name, {"type": "object", "additionalProperties": False, **schema})
    for name, header in _HEADERS.items():
        spec.components.header(name, {"required": True, **header})
    for status in HTTPStatus:
        if status >= 400:
            # Lazily, as flask-smorest has registered its own.
            entry = _ENTRIES.get(status) or errors.of_status(status).entries[0]
            text = _DESCRIPTIONS.get(status, entry.message)
            spec.components.response(status.name, _response(status, text, entry), lazy=True)
    for name, refusal in NAMED.items():
        spec.components.response(name, _response(*refusal), lazy=True)


def _response(status: int, description: str, entry: Entry) -> Json:
    names = ["X-Request-ID", *filter(None, [_HEADER_OF.get(status)])]
    return {
        "description": description,
        "headers": {name: name for name in names},
        "content": {
            errors.MEDIA_TYPE: {"schema": "Problem", "example": errors.body(status, [entry])}
        },
    }


def _text(description: str, example: str) -> Json:
    return {"type": "string", "description": description, "examples": [example]}


_EXAMPLE = _ENTRIES[400].as_json()
_SCHEMAS: dict[str, Json] = {
    "RequestError": {
        "description": "What is wrong.",
        "required": ["code", "message"],
        "properties": {
            "code": _text("What is wrong, for programs.", _ENTRIES[400].code),
            "message": _text("What is wrong, for people.", _ENTRIES[400].message),
        },
    },
    "FieldError": {
        "description": "What is wrong with one field.",
        "required": ["field", "messages"],
        "properties": {
            "field": _text("The field or query parameter.", "ext_id"),
            "messages": {
                "type": "array",
                "description": "One message.",
                "examples": [_EXAMPLE["messages"]],
                "minItems": 1,
                "items": "RequestError",
            },
        },
    },
    "Problem": {
        "description": "The body of every refusal (RFC 9457).",
        "required": ["type", "title", "status", "detail", "errors"],
        "properties": {
            "type": _text("Always this.", "about:blank") | {"const": "about:blank"},
            "title": _text("The status in words.", HTTPStatus(400).phrase),
            "status": {"type": "integer", "description": "The status.", "examples": [400]},
            "detail": _text("The first message.", _ENTRIES[400].message),
            "errors": {
                "type": "array",
                "description": "All that is wrong, with fields or with the request as a whole.",
                "examples": [[_EXAMPLE]],
                "minItems": 1,
                "items": {"oneOf": ["FieldError", "RequestError"]},
            },
        },
    },
}
