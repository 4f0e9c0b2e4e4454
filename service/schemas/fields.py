"""The rule of each field, one class a field. Nothing is coerced but what older clients send."""

import re
import unicodedata
from typing import Any, ClassVar

from marshmallow import ValidationError, missing
from marshmallow import fields as ma

from service.schemas import patterns
from service.schemas.messages import Message
from service.schemas.patterns import LARGEST_ID

Json = dict[str, Any]

LONGEST_URL = 2048
LARGEST_EXACT_INTEGER = 2**53 - 1
"""RFC 7493: JavaScript has rounded larger ones already."""

# Surrogates are not in `patterns.EXT_ID`: no reader of the document could be shown them.
_UNWANTED_CATEGORIES = frozenset({"Cc", "Cf", "Cs"})  # control, format, surrogate
_is_canonical_id = re.compile(r"[1-9][0-9]{0,18}").fullmatch
_is_decimal = re.compile(r"0|[1-9][0-9]{0,18}").fullmatch
_is_provider = re.compile(patterns.PROVIDER).fullmatch
_is_url = re.compile(patterns.URL).fullmatch


def form(example: object, **schema: Any) -> Json:
    """A form that a value may have: a JSON Schema with an example."""
    return {**schema, "examples": [example]}


class Field(ma.Field[Any]):
    """A field with its rule, and how the OpenAPI document describes it."""

    default_error_messages = {
        "required": Message("required", "This field is required."),
        "null": Message("null", "This field can't be null."),
    }
    rule: ClassVar[str]
    """What a good value is: the message for any other, and the document's description."""
    accepted: ClassVar[tuple[Json, ...]]
    """The forms of a good value. The first is what goes back too, later ones are older clients'."""

    def __init_subclass__(cls) -> None:
        cls.default_error_messages = {
            **{code: Message(code, cls.rule) for code in ("invalid", "max_length")},
            **vars(cls).get("default_error_messages", {}),
        }

    def deserialize(
        self, value: Any, attr: str | None = None, data: Any = None, **options: Any
    ) -> Any:
        # What only the parser can know (another user than the path's, a provider that isn't
        # listed) it puts in the value's place, to be reported with all else that is wrong.
        if isinstance(value, Message):
            raise ValidationError([value])
        if value is None or value is missing or self.validators:
            return super().deserialize(value, attr, data, **options)
        # All that is left of marshmallow's way, which takes three times as long as most rules.
        return self._deserialize(value, attr, data, **options)


def canonical_id(value: object) -> int | None:
    """The user id that `value` is, or None: an integer or its canonical decimal string."""
    if isinstance(value, str) and _is_canonical_id(value):
        value = int(value)
    if type(value) is int and 1 <= value <= LARGEST_ID:
        return value
    return None


class UserId(Field):
    rule = "The platform's user: an integer from 1 to 9223372036854775807."
    accepted = (
        form(7, type="integer", format="int64", minimum=1, maximum=LARGEST_ID),
        form("7", type="string", pattern=f"^(?:{patterns.CANONICAL_ID})$", description="Decimal."),
    )

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> int:
        user_id = canonical_id(value)
        if user_id is None:
            raise self.make_error("invalid")
        return user_id


class Provider(Field):
    rule = (
        "Who knows the user under `ext_id`: 1 to 64 characters a-z, 0-9, ., - and _, in lower "
        "case, with a letter or digit at either end."
    )
    accepted = (form("facebook", type="string", maxLength=64, pattern=f"^{patterns.PROVIDER}$"),)

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> str:
        if type(value) is not str or not _is_provider(value):
            raise self.make_error("invalid")
        return value


class ExtId(Field):
    rule = (
        "The user's id at the provider, compared exactly: 1 to 255 characters, none of them a "
        "control, format or surrogate character, and no white space at either end."
    )
    accepted = (
        form("10158-Zq", type="string", minLength=1, maxLength=255, pattern=f"^{patterns.EXT_ID}$"),
        form(
            10158,
            type="integer",
            minimum=-LARGEST_EXACT_INTEGER,
            maximum=LARGEST_EXACT_INTEGER,
            description="Stored and returned as its decimal string.",
        ),
    )
    default_error_messages = {
        "rounded": Message(
            "invalid",
            f"Send an integer beyond ±{LARGEST_EXACT_INTEGER} as a string, in quotes: JavaScript "
            "rounds it, and another identity would be linked.",
        )
    }

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> str:
        if type(value) is int:
            if abs(value) > LARGEST_EXACT_INTEGER:
                raise self.make_error("rounded")
            return str(value)
        if type(value) is not str:
            raise self.make_error("invalid")
        if len(value) > 255:
            raise self.make_error("max_length")
        if not value or value != value.strip() or not _is_clean(value):
            raise self.make_error("invalid")
        return value


def _is_clean(text: str) -> bool:
    # Printable characters are in none of these categories, so few texts need the closer look.
    return text.isprintable() or not any(
        unicodedata.category(character) in _UNWANTED_CATEGORIES for character in text
    )


class ProfileUrl(Field):
    rule = (
        "The user's page at the provider: an absolute http or https URL of at most "
        f"{LONGEST_URL} ASCII characters with a host (an IDN in punycode), without user name, "
        "white space or backslash; or null."
    )
    accepted = (
        form(
            "https://www.facebook.com/zuck",
            type="string",
            maxLength=LONGEST_URL,
            pattern=f"^{patterns.URL}$",
        ),
    )

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> str:
        if type(value) is not str:
            raise self.make_error("invalid")
        if len(value) > LONGEST_URL:
            raise self.make_error("max_length")
        if not _is_url(value):
            raise self.make_error("invalid")
        return value


class ShowInProfile(Field):
    rule = "Whether everybody may see this association: true or false; false unless set."
    accepted = (form(True, type="boolean"),)

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> bool:
        if type(value) is not bool:
            raise self.make_error("invalid")
        return value


class Decimal(Field):
    """A count or an id in a query; a validator has its bounds."""

    rule = "An integer in decimal, without a sign or leading zeros."
    accepted = (form(100, type="integer", format="int64", minimum=0),)

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> int:
        if type(value) is not str or not _is_decimal(value):
            raise self.make_error("invalid")
        return int(value)
