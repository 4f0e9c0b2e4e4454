"""What every body and query has in common."""

from typing import Any

from marshmallow import RAISE, Schema
from marshmallow.fields import Field

from service.schemas.fields import Message


class RequestSchema(Schema):
    """A body or query; refuses what it doesn't know."""

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
