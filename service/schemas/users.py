"""What one may ask about a user as a whole, and what goes back."""

from marshmallow import Schema
from marshmallow import fields as ma

from service.schemas import fields
from service.schemas.requests import RequestSchema


class UserSchema(RequestSchema):
    """A user, whom the path names."""

    user_id = fields.UserId(required=True)


class ErasedSchema(Schema):
    """What an erasure did."""

    deleted = ma.Integer(
        required=True,
        metadata={"description": "How many associations there were.", "examples": [3]},
    )
