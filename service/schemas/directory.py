"""What admins may ask about many associations at once, and what goes back."""

from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, validates_schema
from marshmallow import fields as ma
from marshmallow.validate import Range

from service.schemas import fields
from service.schemas.detailed import DetailedSchema
from service.schemas.messages import Message
from service.schemas.pages import PageQuerySchema, PageSchema
from service.schemas.requests import RequestSchema

MOST_IDENTITIES = 500
MOST_USERS = 100


class Distinct(ma.List[Any]):
    """So many values of a field: what stands in the list twice counts once.

    Of wrong ones the first is reported, with its position.
    """

    def __init__(self, one: fields.Field, *, most: int, description: str, example: list[Any]):
        about = {"description": description, "examples": [example]}
        super().__init__(one, metadata={**about, "minItems": 1, "maxItems": most})
        self.most = most

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> list[Any]:
        # Before a look at any of them: a body holds thousands.
        if type(value) is not list or not 1 <= len(value) <= self.most:
            raise ValidationError([Message("invalid", f"Send a list of 1 to {self.most}.")])
        found: dict[Any, None] = {}
        for position, one in enumerate(value):
            try:
                found[self.inner.deserialize(one)] = None
            except ValidationError as error:
                raise ValidationError({position: error.messages}) from None
        return list(found)


class LookupSchema(RequestSchema):
    """Identities at one provider, or users. What stands twice counts once.

    Positions in the lists, in refusals, begin at 0.
    """

    forms: ClassVar = {
        "ByIdentity": ("provider", "ext_ids"),
        "ByUser": ("user_ids",),
    }

    provider = fields.Provider()
    ext_ids = Distinct(
        fields.ExtId(),
        most=MOST_IDENTITIES,
        description="Whose are these at `provider`? Long ones may not all fit into a body, which "
        "has at most 64 KiB (413): send fewer at once then.",
        example=["fb-1024", "fb-1025"],
    )
    user_ids = Distinct(
        fields.UserId(), most=MOST_USERS, description="What do these users have?", example=[7, 8]
    )

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def one_form_is_whole(self, data: dict[str, Any], original: Any, **_: Any) -> None:
        text = "Ask by provider and ext_ids, or by user_ids."
        missing = [name for name in self.forms["ByIdentity"] if name not in original]
        if "user_ids" in original:
            if len(missing) < 2:
                text += " Not by both at once."
                raise ValidationError({"user_ids": [Message("invalid", text)]})
        elif len(missing) == 2:
            raise ValidationError([Message("required", text)])
        elif missing:
            raise ValidationError({name: [Message("required", text)] for name in missing})


class LookupResultSchema(Schema):
    """What a look-up found, in the order asked; of one user in the order of the list."""

    associations = ma.List(
        ma.Nested(DetailedSchema()),
        required=True,
        metadata={"description": "Those that there are.", "examples": [[]]},
    )
    not_found = ma.List(
        ma.Raw(metadata={"anyOf": [{"type": "string"}, {"type": "integer", "format": "int64"}]}),
        required=True,
        metadata={
            "description": "The `ext_ids` or `user_ids` with nothing.",
            "examples": [["fb-1025"]],
        },
    )


class SearchQuerySchema(PageQuerySchema):
    """Which associations, and which page of them."""

    filters = ("provider", "created_by")
    start: ClassVar = {"provider": "", "ext_id": ""}

    provider = fields.Provider(
        metadata={"description": "Those at this provider; without it, at all."}
    )
    created_by = fields.UserId(
        metadata={"description": "Those that this user made; without it, whoever made them."}
    )
    limit = fields.Decimal(
        validate=Range(1, 200),
        load_default=100,
        metadata={"description": "At most so many.", "examples": [100]},
    )


class SearchResultSchema(PageSchema):
    """A page of associations, by provider and then ext_id."""

    associations = ma.List(
        ma.Nested(DetailedSchema()),
        required=True,
        metadata={"description": "By provider, then ext_id.", "examples": [[]]},
    )
