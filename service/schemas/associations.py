"""What a body or query must look like, and what goes back. Never queries, never sees the caller.

The rules of single fields are in `service.fields`; here is what belongs together.
"""

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, post_load, validates_schema

from service import strict_json
from service.schemas import fields
from service.schemas.fields import refusal

EXTERNAL = "external"
"""The platform's own provider: it has `metadata`, and no `profile_url` or `show_in_profile`."""


class _Strict(Schema):
    class Meta:
        unknown = RAISE

    error_messages = {
        "unknown": refusal("unknown", "There is no such field here; leave it out."),
        "type": refusal("invalid", "Send a JSON object."),
    }


DETAILS = ("profile_url", "show_in_profile", "metadata")


def details_of(provider: str) -> tuple[str, ...]:
    """The details that an association at this provider has."""
    return ("metadata",) if provider == EXTERNAL else ("profile_url", "show_in_profile")


def _misfits(data: Mapping[str, Any]) -> list[str]:
    """The details that say something and don't fit the provider; null and false say nothing."""
    if "provider" not in data:  # missing or broken, and told so
        return []
    fitting = details_of(data["provider"])
    return [name for name in DETAILS if name not in fitting and data.get(name) not in (None, False)]


class _Association(_Strict):
    """The fields of a body that names an association, and the rule across them."""

    user_id = fields.UserId(required=True)
    provider = fields.Provider(required=True)
    ext_id = fields.ExtId(required=True)
    profile_url = fields.ProfileUrl(allow_none=True)
    show_in_profile = fields.StrictBoolean()
    metadata = fields.Metadata(allow_none=True)

    # Also when another field is broken: a caller sees everything at once.
    @validates_schema(skip_on_field_errors=False)
    def fields_fit_the_provider(self, data: dict[str, Any], **_: Any) -> None:
        """`external` has metadata and nothing of a profile; for the others it is the reverse."""
        if misfits := _misfits(data):
            has = " and ".join(details_of(data["provider"]))
            text = f"Leave it out: an association with {data['provider']} has {has} instead."
            raise ValidationError({name: [refusal("not_applicable", text)] for name in misfits})


class CreateSchema(_Association):
    """A new association."""

    takes_listed_providers_only = True  # PROVIDERS of the configuration

    @post_load
    def complete(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {"profile_url": None, "show_in_profile": False, "metadata": None, **data}


class ChangeSchema(_Association):
    """New values for some of an association's details; null clears."""

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def something_changes(self, data: dict[str, Any], original: Any, **_: Any) -> None:
        if "provider" not in data or _misfits(data):
            return
        fitting = details_of(data["provider"])
        # A detail that is broken isn't in `data`, but was meant to change something.
        if not any(name in data for name in fitting) and all(
            name in data for name in DETAILS if name in original
        ):
            text = f"Nothing would change: send {' or '.join(fitting)}."
            raise ValidationError([refusal("invalid", text)])

    @post_load
    def gather(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Load to the pair, and the new values under `changes`."""
        fitting = details_of(data["provider"])
        return {
            "user_id": data["user_id"],
            "provider": data["provider"],
            "ext_id": data["ext_id"],
            "changes": {name: data[name] for name in fitting if name in data},
        }


class PairSchema(Schema):
    """The association to delete. Other fields are ignored: clients send the whole of it back."""

    class Meta:
        unknown = EXCLUDE

    user_id = fields.UserId(required=True)
    provider = fields.Provider(required=True)
    ext_id = fields.ExtId(required=True)


class QuerySchema(_Strict):
    """Whose associations to list, or which pair to look up."""

    user_id = fields.UserId(
        metadata={"description": "Whose associations to list; without it, the caller's own."}
    )
    provider = fields.Provider(
        metadata={"description": "Look up this provider's `ext_id`; not with `user_id`. Admins."}
    )
    ext_id = fields.ExtId(
        metadata={"description": "Look up whose this is at `provider`; always with it. Admins."}
    )

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def pair_is_whole_and_stands_alone(self, data: dict[str, Any], original: Any, **_: Any) -> None:
        if "provider" not in original and "ext_id" not in original:
            return
        wrong = {
            name: [refusal("required", "A look-up takes provider and ext_id, both.")]
            for name in ("provider", "ext_id")
            if name not in original
        }
        if "user_id" in data:
            text = "List by user_id, or look up by provider and ext_id: not both at once."
            wrong["user_id"] = [refusal("invalid", text)]
        if wrong:
            raise ValidationError(wrong)


class AssociationSchema(Schema):
    """An association as it goes out: exactly the keys that apply to its provider."""

    user_id = fields.UserId()
    provider = fields.Provider()
    ext_id = fields.ExtId()
    profile_url = fields.ProfileUrl(allow_none=True)
    show_in_profile = fields.StrictBoolean()
    metadata = fields.Metadata(allow_none=True)

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """Two shapes, and no value needs a conversion: marshmallow's walk over the fields
        would cost more than everything else about a list."""
        if self.many if many is None else many:
            return [_shape(row) for row in obj]
        return _shape(obj)


def _shape(row: Any) -> dict[str, Any]:
    shape = {"user_id": row.user_id, "provider": row.provider, "ext_id": row.ext_id}
    if row.provider == EXTERNAL:
        # As text out of the database, so that nobody reads it just to write it again.
        shape["metadata"] = row.metadata and strict_json.Raw(row.metadata)
    else:
        shape["profile_url"] = row.profile_url
        shape["show_in_profile"] = row.show_in_profile
    return shape
