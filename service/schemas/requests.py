"""What every body and query has in common."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import RAISE, Schema
from marshmallow.fields import Field

from service.schemas.fields import Json
from service.schemas.messages import Message


class RequestSchema(Schema):
    """A body or query; refuses what it doesn't know.

    What it demands besides, the parser and the document read of the attributes below.
    """

    takes_listed_providers_only: ClassVar[bool] = False
    """Whether `PROVIDERS` of the configuration binds it."""
    forms: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Where it may have several: a name for each, and the fields that it needs and others don't
    have."""
    unset: ClassVar[Mapping[str, Any]] = {}
    """Of fields that belong to one form: a value that says nothing, and may stand in another."""
    needs_a_detail: ClassVar[bool] = False
    """Whether it must have one of the provider's details."""
    json_schema: ClassVar[Json] = {}
    """What the document adds."""

    class Meta:
        unknown = RAISE

    error_messages = {
        "unknown": Message("unknown", "There is no such field here; leave it out."),
        "type": Message("invalid", "Send a JSON object."),
    }

    def on_bind_field(self, field_name: str, field_obj: Field[Any]) -> None:
        # Fields that aren't ours get codes too: marshmallow's keys for their messages.
        messages = field_obj.error_messages.items()
        field_obj.error_messages = {
            code: text if isinstance(text, Message) else Message(code, str(text))
            for code, text in messages
        }
