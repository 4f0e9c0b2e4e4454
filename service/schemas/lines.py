"""A line of an import: what a create takes, and what an export writes beside it."""

from collections.abc import Mapping
from typing import Any, cast

from marshmallow import ValidationError, validates_schema
from marshmallow import fields as ma

from service.schemas import fields
from service.schemas.associations import RULES, CreateSchema
from service.schemas.messages import Message
from service.schemas.moments import Moment
from service.schemas.requests import RequestSchema

KEPT = frozenset({"created_at", "updated_at", "created_by"})


class LineSchema(CreateSchema):
    """A create, with when and by whom it was made elsewhere."""

    created_at = Moment()
    updated_at = Moment()
    created_by = fields.UserId()

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._required = {name for name, field in self.fields.items() if field.required}

    def on_bind_field(self, field_name: str, field_obj: ma.Field[Any]) -> None:
        # They are nobody's details.
        bind = RequestSchema if field_name in KEPT else CreateSchema
        bind.on_bind_field(self, field_name, field_obj)

    def load_good(self, found: Mapping[str, Any]) -> dict[str, Any] | None:
        """What `load` gives, in a quarter of its time; None for what it refuses.

        marshmallow walks over all fields, also those that are not there, and gathers errors.
        """
        try:
            data = {name: self.fields[name].deserialize(value) for name, value in found.items()}
        except (KeyError, ValidationError):
            return None
        if not data.keys() >= self._required or any(rule(data) for rule in RULES):
            return None
        return cast("dict[str, Any]", self.complete(data))


class RenameSchema(RequestSchema):
    """A line of a re-key."""

    old = fields.ExtId(required=True)
    new = fields.ExtId(required=True)

    @validates_schema
    def new_is_another(self, data: dict[str, Any], **_: Any) -> None:
        if data["old"] == data["new"]:
            text = "It is the old one: nothing would change."
            raise ValidationError({"new": [Message("invalid", text)]})
