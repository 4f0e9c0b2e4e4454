"""Events as they go out, in answers and in webhooks; what one may ask of them."""

from typing import Any, ClassVar

from marshmallow import Schema
from marshmallow import fields as ma
from marshmallow.validate import Range

from service.schemas import fields
from service.schemas.moments import timestamp
from service.schemas.pages import PageQuerySchema, PageSchema
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
_FURTHER = [name for names in FURTHER_KEYS.values() for name in names]


def representation(row: Any) -> dict[str, Any]:
    """An event as JSON, from the store's row: exactly the keys of its type.

    They are those that it has a value of, as the database's constraints hold. So goes out what a
    later release writes, too, while this one still serves.
    """
    event: dict[str, Any] = {
        "id": row.id,
        "type": row.type,
        "occurred_at": timestamp(row.occurred_at),
        "user_id": row.user_id,
    }
    if row.provider is not None:
        event |= {"provider": row.provider, "ext_id": row.ext_id}
    event |= {"actor_id": row.actor_id, "request_id": row.request_id}
    event |= {n: value for n in _FURTHER if (value := getattr(row, n)) is not None}
    if "changed" in event:
        event["changed"] = event["changed"].split(",")
    return event


def _said(text: str, *examples: Any) -> dict[str, Any]:
    return {"description": text, "examples": [*examples]}


class EventSchema(Schema):
    """One change of one association, or the erasure of a user."""

    id = ma.Integer(
        required=True,
        metadata=_said("Grows without gaps in the order in which changes became visible.", 17),
    )
    type = ma.String(
        required=True,
        metadata=_said(
            f"What happened: {', '.join(f'`{name}`' for name in FURTHER_KEYS)}. Ignore others, as "
            "a later release may write.",
            "association.changed",
        ),
    )
    occurred_at = ma.DateTime(
        required=True, metadata=_said("When, in UTC.", "2026-11-26T07:00:00.123456Z")
    )
    user_id = fields.UserId(required=True, dump_only=True)
    provider = fields.Provider(dump_only=True)
    ext_id = fields.ExtId(dump_only=True)
    actor_id = ma.Integer(
        required=True, allow_none=True, metadata=_said("Who did it; null for a command.", 1)
    )
    request_id = ma.String(
        required=True,
        allow_none=True,
        metadata=_said("In which request; null for a command.", "0b7f2c61"),
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

    events = ma.List(
        ma.Nested(EventSchema()), required=True, metadata=_said("In the order of their ids.")
    )
    next_after = ma.Integer(
        required=True,
        metadata=_said("The last id, or `after` when there is none: the next `after`.", 17),
    )


class HistorySchema(PageSchema):
    """A page of a user's events."""

    events = ma.List(ma.Nested(EventSchema()), required=True, metadata=_said("The newest first."))


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


class HistoryQuerySchema(PageQuerySchema):
    """Whose events, and which page of them."""

    filters = ("user_id",)
    start: ClassVar = {"id": LARGEST_ID}

    user_id = fields.UserId(required=True)
    limit = fields.Decimal(
        validate=Range(1, 100), load_default=50, metadata=_said("At most so many.", 50)
    )
