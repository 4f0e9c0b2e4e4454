"""The field `metadata`: a JSON object that both databases keep unchanged."""

import math
from typing import Any

from service import strict_json
from service.schemas.fields import Field, Json, form

LARGEST_METADATA = 16 * 1024  # bytes of compact JSON
DEEPEST_METADATA = 32  # levels; the object itself is the first

_NO_NUL = {"type": "string", "pattern": r"^[^\u0000]*$"}
_JSON_VALUE = {"$ref": "#/components/schemas/JsonValue"}
_EXAMPLE = {"plan": "gold", "seats": 3}
_JSON_OBJECT = form(_EXAMPLE, **{"$ref": "#/components/schemas/JsonObject"})
_MEMBERS = {"propertyNames": _NO_NUL, "additionalProperties": _JSON_VALUE}
COMPONENTS: dict[str, Json] = {
    "JsonObject": form(_EXAMPLE, description="What `metadata` is.", type="object", **_MEMBERS),
    "JsonValue": {
        "description": (
            "What may stand in `metadata`. A double of a whole value beyond 64 bits, such as "
            "1e300, may too: JSON Schema can't distinguish it from such an integer, which may not."
        ),
        # Generators of clients fail at a type that holds itself; this they take as any value.
        "if": {"type": ["object", "array"]},
        "then": {**_MEMBERS, "items": _JSON_VALUE},
        "else": {
            "anyOf": [
                {"type": ["null", "boolean"]},
                {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
                {"type": "number", "not": {"type": "integer"}},
                _NO_NUL,
            ]
        },
    },
}
"""Components of the OpenAPI document that these fields refer to."""


class Metadata(Field):
    rule = (
        "What the platform notes about the identity: a JSON object (or a string holding one) of "
        f"at most {LARGEST_METADATA // 1024} KiB as compact JSON and {DEEPEST_METADATA} levels, "
        "without NUL or lone surrogates, its numbers 64-bit integers or finite doubles; or null."
    )
    accepted = (
        _JSON_OBJECT,
        form(
            '{"plan": "gold", "seats": 3}',
            type="string",
            pattern=r"^[ \t\n\r]*\{[\s\S]*\}[ \t\n\r]*$",
            contentMediaType="application/json",
            contentSchema=_JSON_OBJECT,
            description="The object's JSON in a string.",
        ),
    )

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> dict[str, Any] | None:
        if type(value) is str:
            try:
                value = strict_json.loads(value)
            except ValueError:
                raise self.make_error("invalid") from None
        if type(value) is not dict or not is_storable(value):
            raise self.make_error("invalid")
        if len(strict_json.dumps(value).encode()) > LARGEST_METADATA:
            raise self.make_error("max_length")
        return value


def is_storable(value: object, *, level: int = 1) -> bool:
    """Whether both databases keep `value` unchanged."""
    match value:
        case str():
            return "\0" not in value and _is_utf8(value)
        case bool() | None:
            return True
        case int():
            return -(2**63) <= value < 2**63
        case float():
            return math.isfinite(value)
        case dict():
            return level <= DEEPEST_METADATA and all(
                is_storable(part, level=level + 1) for pair in value.items() for part in pair
            )
        case list():
            return level <= DEEPEST_METADATA and all(
                is_storable(part, level=level + 1) for part in value
            )
    return False  # pragma: no cover - JSON has nothing else


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
