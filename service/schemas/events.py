"""Events as they go out, in answers and in webhooks; what one may ask of them."""

from typing import Any

from marshmallow import Schema, ValidationError, post_load, validates_schema
from marshmallow import fields as ma
from marshmallow.validate import Range

from service.schemas import cursors, fields
from service.schemas.fields import Message
from service.schemas.moments import timestamp
from service.schemas.patterns import LARGEST_ID
from service.schemas.requests import RequestSchema

FURTHER_KEYS = {
    "association.created": (),
    "association.changed": ("changed",),
    "association.deleted": (),
    "association.transferred": ("from_user_id",),
    "user.erased": ("deleted",),
}
"""What an event of each type has beside the keys of all."""


def representation(row: Any) -> dict[str, Any]:
    """An event as JSON, from the store's row: exactly the keys of its type."""
    event: dict[str, Any] = {
        "id": row.id,
        "type": row.type,
        "occurred_at": timestamp(row.occurred_at),
        "user_id": row.user_id,
    }
    if row.provider is not None:
        event |= {"provider": row.provider, "ext_id": row.ext_id}
    event |= {"actor_id": row.actor_id, "request_id": row.request_id}
    event |= {name: getattr(row, name) for name in FURTHER_KEYS[row.type]}
    if "changed" in event:
        event["changed"] = event["changed"].split(",")
    return event


def _said(text: str, *examples: Any) -> dict[str, Any]:
    return {"description": text, "examples": [*examples]}


class EventSchema(Schema):
    """One change of one association, or the erasure of a user."""

    id = ma.Integer(
        metadata=_said("Grows without gaps in the order in which changes became visible.", 17)
    )
    type = ma.String(
        metadata={**_said("What happened.", "association.changed"), "enum": [*FURTHER_KEYS]}
    )
    occurred_at = ma.DateTime(metadata=_said("When, in UTC.", "2026-11-26T07:00:00.123456Z"))
    user_id = fields.UserId(dump_only=True)
    provider = fields.Provider(dump_only=True)
    ext_id = fields.ExtId(dump_only=True)
    actor_id = ma.Integer(allow_none=True, metadata=_said("Who did it; null for a command.", 1))
    request_id = ma.String(
        allow_none=True, metadata=_said("In which request; null for a command.", "0b7f2c61")
    )
    changed = ma.List(
        ma.String(),
        metadata=_said("Of `association.changed`: the fields that were set.", ["show_in_profile"]),
    )
    from_user_id = ma.Integer(
        metadata=_said("Of `association.transferred`: who had it; `user_id` has it now.", 7)
    )
    deleted = ma.Integer(
        metadata=_said("Of `user.erased`, which has no pair: how many associations went.", 3)
    )

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        if self.many if many is None else many:
            return [representation(row) for row in obj]
        return representation(obj)


class FeedSchema(Schema):
    """Events in the order of their ids."""

    events = ma.List(ma.Nested(EventSchema()), metadata=_said("In the order of their ids."))
    next_after = ma.Integer(
        metadata=_said("The last id, or `after` when there is none: the next `after`.", 17)
    )


class HistorySchema(Schema):
    """A page of a user's events."""

    events = ma.List(ma.Nested(EventSchema()), metadata=_said("The newest first."))
    next_cursor = ma.String(
        allow_none=True, metadata=_said("The next page's `cursor`; null on the last.", "WyJ4Il0")
    )


class FeedQuerySchema(RequestSchema):
    """Which events: those above `after`."""

    after = fields.Decimal(
        validate=Range(0, LARGEST_ID),
        load_default=0,
        metadata=_said("The last id that is known already; 0 for all that are kept.", 17),
    )
    limit = fields.Decimal(
        validate=Range(1, 500), load_default=100, metadata=_said("At most so many.", 100)
    )


class HistoryQuerySchema(RequestSchema):
    """Whose events, and which page of them."""

    user_id = fields.UserId(required=True)
    limit = fields.Decimal(
        validate=Range(1, 100), load_default=50, metadata=_said("At most so many.", 50)
    )
    cursor = ma.String(metadata=_said("`next_cursor` of the page before; not for the first."))

    @validates_schema(skip_on_field_errors=False)
    def cursor_is_of_this_history(self, data: dict[str, Any], **_: Any) -> None:
        # Without the user (refused, and reported) nobody knows whose history it must be of.
        if "cursor" in data and "user_id" in data:
            try:
                _before(data)
            except ValueError:
                text = "This is no cursor of this list: send next_cursor as it came, or leave it."
                raise ValidationError({"cursor": [Message("invalid", text)]}) from None

    @post_load
    def find_the_page(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Load to `before`: the events of the page have smaller ids."""
        return {**data, "before": _before(data) if "cursor" in data else LARGEST_ID}


def _before(data: dict[str, Any]) -> int:
    (before,) = cursors.decode(data["cursor"], _asked(data["user_id"]), int)
    return int(before)


def next_cursor(user_id: int, last: Any) -> str:
    """The cursor for the page after the event `last` of this user's history."""
    return cursors.encode([last.id], _asked(user_id))


def _asked(user_id: int) -> dict[str, Any]:
    return {"history_of": user_id}
