"""A line of an import: what a create takes, and what an export writes beside it."""

from typing import Any

from marshmallow import ValidationError, validates_schema
from marshmallow import fields as ma

from service.schemas import fields
from service.schemas.associations import CreateSchema
from service.schemas.messages import Message
from service.schemas.moments import Moment
from service.schemas.requests import RequestSchema

KEPT = frozenset({"created_at", "updated_at", "created_by"})


class LineSchema(CreateSchema):
    """A create, with when and by whom it was made elsewhere."""

    created_at = Moment()
    updated_at = Moment()
    created_by = fields.UserId()

    def on_bind_field(self, field_name: str, field_obj: ma.Field[Any]) -> None:
        # They are nobody's details.
        bind = RequestSchema if field_name in KEPT else CreateSchema
        bind.on_bind_field(self, field_name, field_obj)


class RenameSchema(RequestSchema):
    """A line of a re-key."""

    old = fields.ExtId(required=True)
    new = fields.ExtId(required=True)

    @validates_schema
    def new_is_another(self, data: dict[str, Any], **_: Any) -> None:
        if data["old"] == data["new"]:
            text = "It is the old one: nothing would change."
            raise ValidationError({"new": [Message("invalid", text)]})
