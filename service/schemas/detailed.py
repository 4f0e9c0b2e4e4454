"""An association with when and by whom it was made: for admins, exports and the support desk."""

from typing import Any

from marshmallow import fields as ma

from service.schemas.associations import AssociationSchema
from service.schemas.moments import timestamp


class DetailedSchema(AssociationSchema):
    """An association with its history in short."""

    created_at = ma.DateTime(
        dump_only=True,
        metadata={"description": "When, in UTC.", "examples": ["2026-11-26T07:00:00.123456Z"]},
    )
    updated_at = ma.DateTime(
        dump_only=True,
        metadata={
            "description": "When it was changed last, in UTC: a detail, whose it is, or its id.",
            "examples": ["2026-11-26T07:30:00.654321Z"],
        },
    )
    created_by = ma.Integer(
        dump_only=True,
        metadata={
            "description": "Who made it. A link that a user made of itself proves nothing.",
            "examples": [1],
        },
    )

    @staticmethod
    def representation(row: Any) -> dict[str, Any]:
        return {
            **AssociationSchema.representation(row),
            "created_at": timestamp(row.created_at),
            "updated_at": timestamp(row.updated_at),
            "created_by": row.created_by,
        }
