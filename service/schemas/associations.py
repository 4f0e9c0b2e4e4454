"""What a body or query must look like, and what goes back. Never queries, never sees the caller.

The rules of single fields are in `fields` and `metadata`, what belongs to which provider is in
`providers`; here is what goes across the fields.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from marshmallow import EXCLUDE, Schema, ValidationError, post_load, validates_schema
from marshmallow import fields as ma

from service import strict_json
from service.schemas import fields, providers
from service.schemas.messages import Message
from service.schemas.metadata import Metadata
from service.schemas.providers import details_of
from service.schemas.requests import RequestSchema

_IDENTITY = ("user_id", "provider", "ext_id")

Rule = Callable[[Mapping[str, Any]], Mapping[str, Message]]
"""Gives what is wrong, by field; gets the fields that are good by themselves."""


def fields_fit_the_provider(data: Mapping[str, Any]) -> dict[str, Message]:
    """`external` has metadata and nothing of a profile; for the others it is the reverse."""
    if "provider" not in data:  # missing or broken, and reported
        return {}
    fitting = details_of(data["provider"])
    wrong = [
        name
        for name, unset in providers.UNSET.items()
        if name not in fitting and data.get(name, unset) != unset
    ]
    if not wrong:
        return {}
    has = " and ".join(fitting)
    text = f"Leave it out: an association with {data['provider']} has {has} instead."
    return dict.fromkeys(wrong, Message("not_applicable", text))


RULES: tuple[Rule, ...] = (fields_fit_the_provider,)
"""What holds across the fields of a body, and of an import's line."""


class _Association(RequestSchema):
    """The fields of a body that names an association, and the rules across them."""

    user_id = fields.UserId(required=True)
    provider = fields.Provider(required=True)
    ext_id = fields.ExtId(required=True)
    profile_url = fields.ProfileUrl(allow_none=True)
    show_in_profile = fields.ShowInProfile()
    metadata = Metadata(allow_none=True)

    def on_bind_field(self, field_name: str, field_obj: ma.Field[Any]) -> None:
        super().on_bind_field(field_name, field_obj)
        if field_name not in _IDENTITY and field_name not in providers.UNSET:
            raise TypeError(f"Which providers have {field_name}? Say it in schemas/providers.py.")

    # Also when another field is broken: a caller sees everything at once.
    @validates_schema(skip_on_field_errors=False)
    def rules_across_fields_hold(self, data: dict[str, Any], **_: Any) -> None:
        if wrong := {name: [why] for rule in RULES for name, why in rule(data).items()}:
            raise ValidationError(wrong)


class CreateSchema(_Association):
    """A new association."""

    takes_listed_providers_only = True  # PROVIDERS of the configuration

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._required = {name for name, field in self.fields.items() if field.required}

    def load(self, data: Any, **options: Any) -> Any:
        """As marshmallow does; a good one in less than half of its time.

        marshmallow walks over all fields, also those that are not there, and gathers errors.
        """
        good = self.load_good(data) if type(data) is dict and not options else None
        return super().load(data, **options) if good is None else good

    def load_good(self, found: Mapping[str, Any]) -> dict[str, Any] | None:
        """What `load` gives; None for what it refuses."""
        try:
            data = {name: self.fields[name].deserialize(value) for name, value in found.items()}
        except (KeyError, ValidationError):
            return None
        if not data.keys() >= self._required or any(rule(data) for rule in RULES):
            return None
        good: dict[str, Any] = self.complete(data)
        return good

    @post_load
    def complete(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        return {**providers.UNSET, **data}


class ChangeSchema(_Association):
    """New values for some of an association's details; null clears."""

    needs_a_detail = True

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def something_changes(self, data: dict[str, Any], original: Any, **_: Any) -> None:
        if "provider" not in data or fields_fit_the_provider(data):
            return
        fitting = details_of(data["provider"])
        sent = [name for name in providers.UNSET if name in original]
        # A broken detail isn't in `data`: it was meant to change something, and is reported.
        if not any(name in fitting for name in sent) and all(name in data for name in sent):
            text = f"Nothing would change: send {' or '.join(fitting)}."
            raise ValidationError([Message("invalid", text)])

    @post_load
    def gather(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Load to the identity, and the new values under `changes`."""
        fitting = details_of(data["provider"])
        changes = {name: data[name] for name in fitting if name in data}
        return {name: data[name] for name in _IDENTITY} | {"changes": changes}


class PairSchema(RequestSchema):
    """The association to delete. Other fields are ignored: clients send the whole of it back."""

    class Meta:
        unknown = EXCLUDE

    # What a body lacks the query may have.
    json_schema: ClassVar = {
        "dependentRequired": {"provider": ["ext_id"], "ext_id": ["provider"]},
    }

    user_id = fields.UserId(required=True)
    provider = fields.Provider(required=True)
    ext_id = fields.ExtId(required=True)


class QuerySchema(RequestSchema):
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
            name: [Message("required", "A look-up takes provider and ext_id, both.")]
            for name in ("provider", "ext_id")
            if name not in original
        }
        if "user_id" in data:
            text = "List by user_id, or look up by provider and ext_id: not both at once."
            wrong["user_id"] = [Message("invalid", text)]
        if wrong:
            raise ValidationError(wrong)


class AssociationSchema(Schema):
    """An association as it goes out: exactly the keys that apply to its provider."""

    user_id = fields.UserId(dump_only=True)
    provider = fields.Provider(dump_only=True)
    ext_id = fields.ExtId(dump_only=True)
    profile_url = fields.ProfileUrl(dump_only=True, allow_none=True)
    show_in_profile = fields.ShowInProfile(dump_only=True)
    metadata = Metadata(dump_only=True, allow_none=True)

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """No value needs a conversion: marshmallow's walk over the fields would cost more than
        everything else about a list."""
        if self.many if many is None else many:
            return [self.representation(row) for row in obj]
        return self.representation(obj)

    @staticmethod
    def representation(row: Any) -> dict[str, Any]:
        """An association as JSON, from the store's row."""
        shown = {"user_id": row.user_id, "provider": row.provider, "ext_id": row.ext_id}
        for name in details_of(row.provider):
            shown[name] = getattr(row, name)
        if metadata := shown.get("metadata"):
            # As text out of the database, so that nobody reads it just to write it again.
            shown["metadata"] = strict_json.Raw(metadata)
        return shown
