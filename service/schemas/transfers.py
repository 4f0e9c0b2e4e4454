"""What to give to which user: one association, or all."""

from typing import Any, ClassVar

from marshmallow import ValidationError, post_load, validates_schema

from service.schemas import fields
from service.schemas.fields import Field, form
from service.schemas.messages import Message
from service.schemas.requests import RequestSchema

_PAIR = ("provider", "ext_id")


class All(Field):
    rule = "All that the user has, instead of `provider` and `ext_id`: true; false says nothing."
    accepted = (form(True, type="boolean", const=True),)

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> bool:
        if type(value) is not bool:
            raise self.make_error("invalid")
        return value


class TransferSchema(RequestSchema):
    """What to give to which user: one association, or all.

    All of it goes or nothing. To repeat it does no harm: a pair that the other user has already
    is answered, and of all, what is left.
    """

    forms: ClassVar = {"OfPair": _PAIR, "OfAll": ("all",)}
    unset: ClassVar = {"all": False}

    user_id = fields.UserId(required=True)
    to_user_id = fields.UserId(required=True, metadata={"examples": [9, "9"]})
    provider = fields.Provider()
    ext_id = fields.ExtId()
    all = All()

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def names_a_pair_or_all(self, data: dict[str, Any], original: Any, **_: Any) -> None:
        if data.get("all"):
            if any(name in original for name in _PAIR):
                text = "Send all: true, or provider and ext_id: not both at once."
                raise ValidationError({"all": [Message("invalid", text)]})
        # A broken `all` isn't in `data`; it was meant to be sent alone, and is reported.
        elif "all" in data or "all" not in original:
            text = "Send provider and ext_id, both; or all: true."
            missing = [name for name in _PAIR if name not in original]
            if missing:
                raise ValidationError({name: [Message("required", text)] for name in missing})

    @validates_schema(skip_on_field_errors=False)
    def goes_to_another_user(self, data: dict[str, Any], **_: Any) -> None:
        if "user_id" in data and data["user_id"] == data.get("to_user_id"):
            text = "This is the user who gives; name the one who is to have it."
            raise ValidationError({"to_user_id": [Message("invalid", text)]})

    @post_load
    def gather(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Load to both users, and `pair`: None for all."""
        pair = None if data.get("all") else (data["provider"], data["ext_id"])
        return {"from_user_id": data["user_id"], "to_user_id": data["to_user_id"], "pair": pair}
