"""How schemas stand in the OpenAPI document: our fields, the branches that the provider decides
about, and bodies of several forms.
"""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask_smorest.utils import resolve_schema_instance
from marshmallow import Schema
from marshmallow import fields as ma

from service.schemas import fields, providers
from service.schemas.fields import Json
from service.schemas.requests import RequestSchema

_NOTHING = RequestSchema()


def _name(schema: Any) -> str:
    schema = resolve_schema_instance(schema)
    suffix = "ForUser" if isinstance(schema.partial, tuple) else ""
    return type(schema).__name__.removesuffix("Schema") + suffix


class Schemas(MarshmallowPlugin):
    """Describes our fields, and the branches of a schema whose fields depend on the provider.

    Args:
        listed: the providers that may be linked; empty: any.
    """

    spec: APISpec
    converter: Any

    def __init__(self, listed: frozenset[str]) -> None:
        super().__init__(schema_name_resolver=_name)
        self.listed = listed

    def init_spec(self, spec: APISpec) -> None:
        super().init_spec(spec)
        self.converter.add_attribute_function(_forms_of_field)
        self.converter.add_attribute_function(_size_of_integer)

    def schema_helper(  # type: ignore[override]  # as MarshmallowPlugin's own
        self, name: str, _: Any, schema: Any = None, **kwargs: Any
    ) -> Json | None:
        found: Json | None = super().schema_helper(name, _, schema=schema, **kwargs)  # type: ignore[no-untyped-call]  # not typed there
        if found is None:  # no schema of marshmallow's
            return None
        schema = resolve_schema_instance(schema)
        demands = schema if isinstance(schema, RequestSchema) else _NOTHING
        found |= demands.json_schema
        about = {"description": inspect.cleandoc(type(schema).__doc__ or name)}
        if demands.forms:
            return about | {"oneOf": list(self._forms(name, demands, found))}
        if not providers.UNSET.keys() & schema.fields:
            return about | found
        return about | {"oneOf": list(self._branches(name, schema, demands, found))}

    def _forms(self, name: str, schema: RequestSchema, whole: Json) -> Iterator[str]:
        """Register a component for each form that a body may have; yield their names."""
        of_forms = {n for names in schema.forms.values() for n in names}
        for title, names in schema.forms.items():
            others = of_forms.difference(names)
            properties = {n: p for n, p in whole["properties"].items() if n not in others}
            required = [*whole.get("required", ()), *names]
            form = {**whole, "properties": properties, "required": required}
            _admit(form, {n: value for n, value in schema.unset.items() if n in others})
            self.spec.components.schema(f"{name}{title}", form)
            yield f"{name}{title}"

    def _branches(
        self, name: str, schema: Schema, demands: RequestSchema, whole: Json
    ) -> Iterator[str]:
        """Register a component for each kind of provider; yield their names."""
        listed = self.listed if demands.takes_listed_providers_only else frozenset[str]()
        for title, condition, details in _kinds(listed):
            others = {n: unset for n, unset in providers.UNSET.items() if n not in details}
            properties = {n: p for n, p in whole["properties"].items() if n not in others}
            properties["provider"] = properties["provider"] | condition
            branch = {**whole, "properties": properties}
            if all(field.dump_only for field in schema.fields.values()):
                branch["required"] = list(properties)
            else:
                _admit(branch, others)
            if demands.needs_a_detail:
                one_of_them = {"anyOf": [{"required": [name]} for name in details]}
                branch["dependentSchemas"] = {"provider": one_of_them}  # generators skip it
            self.spec.components.schema(f"{name}{title}", branch)
            yield f"{name}{title}"


def _admit(branch: Json, unset: Mapping[str, Any]) -> None:
    """Let what says nothing be sent along. Where generators of clients don't look: a client has
    the fields that mean something and no others."""
    if unset:
        nothing = {f"^{name}$": {"enum": [value]} for name, value in unset.items()}
        branch["if"] = {"patternProperties": nothing}
        branch["unevaluatedProperties"] = branch.pop("additionalProperties")


def _kinds(listed: frozenset[str]) -> Iterator[tuple[str, Json, providers.Details]]:
    """Title, condition on `provider`, and details of each kind of provider."""
    for provider, details in providers.OF_NAMED.items():
        if not listed or provider in listed:
            yield provider.title(), {"const": provider, "examples": [provider]}, details
    others = sorted(listed - providers.OF_NAMED.keys())
    if others:
        yield "OtherProvider", {"enum": others, "examples": others[:1]}, providers.OF_OTHERS
    elif not listed:
        yield "OtherProvider", {"not": {"enum": list(providers.OF_NAMED)}}, providers.OF_OTHERS


def _size_of_integer(_: Any, field: Any, ret: Json) -> Json:
    """For clients in languages whose integers have 32 bits otherwise."""
    return {"format": "int64"} if isinstance(field, ma.Integer) else {}


def _forms_of_field(_: Any, field: Any, ret: Json) -> Json:
    """What a field of ours admits; what apispec has found (a validator's bounds) counts more."""
    if not isinstance(field, fields.Field):
        return {}
    ret.pop("readOnly", None)  # so is all of an answer
    # What apispec calls a bound where it doesn't know the field for a number.
    bounds = {name[2:]: ret.pop(name) for name in ("x-minimum", "x-maximum") if name in ret}
    forms = list(field.accepted[:1] if field.dump_only else field.accepted)
    if field.allow_none:
        forms.append({"type": "null", "examples": [None]})
    found = forms[0] if len(forms) == 1 else {"anyOf": forms}
    examples = [form["examples"][0] for form in forms]
    return {**found, "description": field.rule, "examples": examples, **ret, **bounds}
