"""The rule of each field, one class a field. Nothing is coerced but what older clients send."""

import math
import re
import unicodedata
from ipaddress import AddressValueError, IPv6Address
from typing import Any

from marshmallow import ValidationError
from marshmallow import fields as ma

from service import strict_json

LARGEST_ID = 2**63 - 1
LONGEST_URL = 2048
LARGEST_METADATA = 16 * 1024  # bytes of compact JSON
DEEPEST_METADATA = 32  # levels; the object itself is the first

_CANONICAL_ID = re.compile(r"[1-9][0-9]{0,18}")
_PROVIDER = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")
_UNWANTED_CATEGORIES = frozenset({"Cc", "Cf", "Cs"})  # control, format, surrogate
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_URL = re.compile(
    rf"https?://(?:{_LABEL}(?:\.{_LABEL})*\.?|\[(?P<ipv6>[0-9A-Fa-f:.]+)\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?:[/?#][!-\[\]-~]*)?",  # printable ASCII but for the space and the backslash
    re.IGNORECASE | re.ASCII,
)


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

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        # What only the parser can know (another user than the path's, a provider that isn't
        # listed) it puts in the value's place, so that it is told with all else that is wrong.
        if isinstance(value, Refusal):
            raise ValidationError([value])  # type: ignore[list-item]
        return super().deserialize(value, *args, **kwargs)

    def make_error(self, key: str, **_: Any) -> ValidationError:
        # marshmallow's own would format the text, which makes a plain string of it.
        return ValidationError([self.error_messages.get(key) or refusal(key, self.rule)])  # type: ignore[list-item]


def canonical_id(value: object) -> int | None:
    """The user id that `value` is, or None: an integer or its canonical decimal string."""
    if isinstance(value, str) and _CANONICAL_ID.fullmatch(value):
        value = int(value)
    if type(value) is int and 1 <= value <= LARGEST_ID:
        return value
    return None


class UserId(_Field):
    rule = "Send an integer from 1 to 9223372036854775807."

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

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> str:
        if type(value) is not str or not _PROVIDER.fullmatch(value):
            raise self.make_error("invalid")
        return value


class ExtId(_Field):
    rule = (
        "Send 1 to 255 characters without control or invisible characters "
        "and without white space at either end."
    )

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

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> str:
        if type(value) is not str:
            raise self.make_error("invalid")
        if len(value) > LONGEST_URL:
            raise self.make_error("max_length")
        if not _is_web_url(value):
            raise self.make_error("invalid")
        return value


def _is_web_url(text: str) -> bool:
    found = _URL.fullmatch(text)
    if found is None or int(found["port"] or 0) > 65_535:
        return False
    if found["ipv6"]:
        try:
            IPv6Address(found["ipv6"])
        except AddressValueError:
            return False
    return True


class StrictBoolean(_Field):
    rule = "Send true or false."

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> bool:
        if type(value) is not bool:
            raise self.make_error("invalid")
        return value


class Metadata(_Field):
    rule = (
        "Send a JSON object (or a string holding one) of at most 16 KiB and 32 levels, without "
        "NUL or lone surrogates, its numbers 64-bit integers or finite doubles."
    )

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
