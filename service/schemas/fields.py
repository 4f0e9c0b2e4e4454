"""The rule of each field, one class a field. Nothing is coerced but what older clients send."""

import math
import re
import unicodedata
from typing import Any, ClassVar

from marshmallow import ValidationError, missing
from marshmallow import fields as ma

from service import strict_json
from service.schemas import patterns
from service.schemas.patterns import LARGEST_ID

LONGEST_URL = 2048
LARGEST_METADATA = 16 * 1024  # bytes of compact JSON
DEEPEST_METADATA = 32  # levels; the object itself is the first

# Of which `patterns.EXT_ID` tells the first two.
_UNWANTED_CATEGORIES = frozenset({"Cc", "Cf", "Cs"})  # control, format, surrogate
_is_canonical_id = re.compile(r"[1-9][0-9]{0,18}").fullmatch
_is_provider = re.compile(patterns.PROVIDER).fullmatch
_is_url = re.compile(patterns.URL).fullmatch


class Refusal(str):
    """An error message that carries its code through marshmallow, which knows only texts."""

    code: str


def refusal(code: str, text: str) -> Refusal:
    message = Refusal(text)
    message.code = code
    return message


class _Field(ma.Field[Any]):
    default_error_messages = {
        "required": refusal("required", "This field is required."),
        "null": refusal("null", "This field can't be null."),
    }
    rule = "A value of this kind."
    """What a good value is: the message for any other one."""

    # What the OpenAPI document tells.
    description = "A value of this kind."
    accepted: ClassVar[list[dict[str, Any]]] = [{}]
    """A JSON Schema for each form that a body may hold; the later ones are older clients'."""
    returned: ClassVar[list[dict[str, Any]]] = []
    """The JSON Schema of what goes back: the first form unless told otherwise."""
    examples: ClassVar[list[Any]] = []
    """A good value for each form."""

    def __init_subclass__(cls) -> None:
        cls.returned = cls.returned or cls.accepted[:1]

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        # What only the parser can know (another user than the path's, a provider that isn't
        # listed) it puts in the value's place, so that it is told with all else that is wrong.
        if isinstance(value, Refusal):
            raise ValidationError([value])
        if value is None or value is missing:
            return super().deserialize(value, *args, **kwargs)
        # The fields here have no validators or hooks beside it, for which marshmallow would look.
        return self._deserialize(value, *args, **kwargs)

    def make_error(self, key: str, **_: Any) -> ValidationError:
        # marshmallow's own would format the text, which makes a plain string of it.
        return ValidationError([self.error_messages.get(key) or refusal(key, self.rule)])


def canonical_id(value: object) -> int | None:
    """The user id that `value` is, or None: an integer or its canonical decimal string."""
    if isinstance(value, str) and _is_canonical_id(value):
        value = int(value)
    if type(value) is int and 1 <= value <= LARGEST_ID:
        return value
    return None


class UserId(_Field):
    rule = "Send an integer from 1 to 9223372036854775807."
    description = "The platform's user."
    accepted: ClassVar = [
        {"type": "integer", "format": "int64", "minimum": 1, "maximum": LARGEST_ID},
        {
            "type": "string",
            "pattern": f"^(?:{patterns.CANONICAL_ID})$",
            "description": "In decimal.",
        },
    ]
    examples: ClassVar = [7, "7"]

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> int:
        user_id = canonical_id(value)
        if user_id is None:
            raise self.make_error("invalid")
        return user_id


class Provider(_Field):
    rule = (
        "Send 1 to 64 characters a-z, 0-9, - and _, in lower case, "
        "with a letter or digit at either end."
    )
    description = "Who knows the user under `ext_id`. It decides which details there are."
    accepted: ClassVar = [{"type": "string", "maxLength": 64, "pattern": f"^{patterns.PROVIDER}$"}]
    examples: ClassVar = ["facebook"]

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> str:
        if type(value) is not str or not _is_provider(value):
            raise self.make_error("invalid")
        return value


class ExtId(_Field):
    rule = (
        "Send 1 to 255 characters without control or invisible characters "
        "and without white space at either end."
    )
    description = (
        "The user's id at the provider, compared exactly. 1 to 255 characters, none of them a "
        "control, format or surrogate character, and no white space at either end."
    )
    accepted: ClassVar = [
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": f"^{patterns.EXT_ID}$"},
        {
            "type": "integer",
            "minimum": -(2**63),
            "maximum": 2**63,
            "description": "Stored and returned as its decimal string.",
        },
    ]
    examples: ClassVar = ["10158-Zq", 10158]

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> str:
        if type(value) is int and abs(value) <= 2**63:
            return str(value)
        if type(value) is not str:
            raise self.make_error("invalid")
        if len(value) > 255:
            raise self.make_error("max_length")
        if not value or value != value.strip() or not _is_clean(value):
            raise self.make_error("invalid")
        return value


def _is_clean(text: str) -> bool:
    # Whatever is printable to Python is in none of the categories; few texts need the look.
    return text.isprintable() or not any(
        unicodedata.category(character) in _UNWANTED_CATEGORIES for character in text
    )


class ProfileUrl(_Field):
    rule = (
        "Send an absolute http or https URL in ASCII with a host (an IDN in punycode), "
        "without user name, white space or backslash."
    )
    description = (
        "The user's page at the provider: an absolute http or https URL in ASCII (an IDN in "
        "punycode), without user name. Null when there is none; null clears it."
    )
    accepted: ClassVar = [
        {"type": "string", "maxLength": LONGEST_URL, "pattern": f"^{patterns.URL}$"}
    ]
    examples: ClassVar = ["https://www.facebook.com/zuck"]

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> str:
        if type(value) is not str:
            raise self.make_error("invalid")
        if len(value) > LONGEST_URL:
            raise self.make_error("max_length")
        if not _is_url(value):
            raise self.make_error("invalid")
        return value


class StrictBoolean(_Field):
    rule = "Send true or false."
    description = "Whether everybody may see this association. False unless set."
    accepted: ClassVar = [{"type": "boolean"}]
    examples: ClassVar = [True]

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> bool:
        if type(value) is not bool:
            raise self.make_error("invalid")
        return value


_NO_NUL = {"type": "string", "pattern": r"^[^\u0000]*$"}
_JSON_OBJECT = {
    "type": "object",
    "propertyNames": _NO_NUL,
    "additionalProperties": {"$ref": "#/components/schemas/JsonValue"},
}
JSON_VALUE = {
    "description": (
        "What may stand in `metadata`. A double of a whole value beyond 64 bits, such as 1e300, "
        "may too: JSON Schema can't tell it from such an integer, which may not."
    ),
    "anyOf": [
        {"type": ["null", "boolean"]},
        {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
        {"type": "number", "not": {"type": "integer"}},
        _NO_NUL,
        {"type": "array", "items": {"$ref": "#/components/schemas/JsonValue"}},
        _JSON_OBJECT,
    ],
}


class Metadata(_Field):
    rule = (
        "Send a JSON object (or a string holding one) of at most 16 KiB and 32 levels, without "
        "NUL or lone surrogates, its numbers 64-bit integers or finite doubles."
    )
    description = (
        "What the platform notes about the identity: a JSON object, returned as it was sent but "
        f"for the order of keys. At most {LARGEST_METADATA // 1024} KiB as compact JSON in UTF-8 "
        f"and {DEEPEST_METADATA} levels, the object itself being the first; no NUL or lone "
        "surrogate in any key or string; numbers are 64-bit integers or finite doubles. Null "
        "when there is none; null clears it."
    )
    accepted: ClassVar = [
        {**_JSON_OBJECT, "description": "The object."},
        {
            "type": "string",
            "pattern": r"^[ \t\n\r]*\{[\s\S]*\}[ \t\n\r]*$",
            "contentMediaType": "application/json",
            "contentSchema": _JSON_OBJECT,
            "description": "The object's JSON in a string.",
        },
    ]
    returned: ClassVar = [{"type": "object"}]
    examples: ClassVar = [{"plan": "gold", "seats": 3}, '{"plan": "gold", "seats": 3}']

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> dict[str, Any] | None:
        if type(value) is str:
            try:
                value = strict_json.loads(value)
            except ValueError:
                raise self.make_error("invalid") from None
        if type(value) is not dict or not _is_storable(value, level=1):
            raise self.make_error("invalid")
        if len(strict_json.dumps(value).encode()) > LARGEST_METADATA:
            raise self.make_error("max_length")
        return value


def _is_storable(value: object, *, level: int) -> bool:
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
                _is_storable(part, level=level + 1) for pair in value.items() for part in pair
            )
        case list():
            return level <= DEEPEST_METADATA and all(
                _is_storable(part, level=level + 1) for part in value
            )
    return False  # pragma: no cover - JSON has nothing else


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
