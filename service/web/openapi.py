"""The OpenAPI 3.1 document: flask-smorest walks the views, apispec the schemas.

Here is what they can't see: how fields of ours are described, the branches that the provider
decides about, and what a path that names the user leaves out. A schema that can't be described
stops the start.
"""

import inspect
import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask, Response
from flask_smorest.spec.plugins import FlaskPlugin
from flask_smorest.utils import resolve_schema_instance
from marshmallow import Schema
from werkzeug.routing import Rule

from service.schemas import fields, metadata, patterns, providers
from service.schemas.fields import Json
from service.web import refusals
from service.web.api import Api, Blueprint
from service.web.app import UserIdConverter

_ABOUT = """\
Which identities at external providers the platform's users are linked to.

Every path is served without its last slash too. Where the path names the user, a `user_id` in
the body or query may be left out; if sent, it must be the same. HEAD answers like GET.

To create is safe to retry: what is stored already, exactly so, is answered with 200. Every
refusal has the same body, `Problem`. Try again on 429 and 503, after `Retry-After` seconds.
"""
_BEARER = "A JWT of the platform. The role of an admin is in it, or granted here by the operator."
_USER_IN_PATH = f"The user, from 1 to {patterns.LARGEST_ID}, in decimal without leading zeros."


def init_app(app: Flask, *blueprints: Blueprint) -> None:
    """Register the blueprints, and serve the document about them."""
    schemas = Schemas(app.config["PROVIDERS"])
    # The server is relative to the document: right below a path prefix too.
    servers = [{"url": "../.."}]
    options = {"openapi_version": "3.1.0", "info": {"description": _ABOUT}, "servers": servers}
    api = Api(app, spec_kwargs={"flask_plugin": Paths(), "marshmallow_plugin": schemas, **options})
    api.register_converter(UserIdConverter, lambda _: fields.UserId.accepted[0])
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": _BEARER}
    api.spec.components.security_scheme("bearer", bearer)
    for name, schema in metadata.COMPONENTS.items():
        api.spec.components.schema(name, schema)
    refusals.register(api.spec)
    api.spec.components.schemas.pop("PaginationMetadata", None)  # flask-smorest's; of no view
    for blueprint in blueprints:
        api.register_blueprint(blueprint)

    # ASCII: some expressions hold characters that nobody would see.
    text = json.dumps(api.spec.to_dict())

    @app.get("/api/v2/openapi.json")
    def openapi_json() -> Response:
        return Response(text, mimetype="application/json")


class Paths(FlaskPlugin):
    """Completes the operations of a path."""

    def path_helper(
        self, rule: Rule, operations: Json, parameters: list[Json], **kwargs: Any
    ) -> str:
        for method, operation in operations.items():
            name = rule.endpoint.replace(".", "_")
            operation["operationId"] = name if len(operations) == 1 else f"{name}_{method}"
            _leave_out(operation, path_names_user="user_id" in rule.arguments)
            responses = operation["responses"]
            for status in refusals.OF_ANY_OPERATION:
                responses.setdefault(status, HTTPStatus(status).name)
            if rule.arguments:
                responses.setdefault(404, "UNKNOWN_USER")
            for response in responses.values():
                if isinstance(response, dict):
                    response.setdefault("headers", {})["X-Request-ID"] = "X-Request-ID"
            operation["responses"] = dict(sorted(responses.items()))
        path: str = super().path_helper(rule, operations, parameters, **kwargs)
        return f"{path}/"

    def rule_to_params(self, rule: Rule) -> list[Json]:
        described: Json = {"user_id": {"description": _USER_IN_PATH}}
        return [p | described.get(p["name"], {}) for p in super().rule_to_params(rule)]


def _leave_out(operation: Json, *, path_names_user: bool) -> None:
    """Take from a body or query what it need not have; the schemas are this operation's own."""
    if body := operation.get("requestBody"):
        (media,) = body["content"].values()
        schema = media["schema"] = resolve_schema_instance(media["schema"])
        if not body["required"]:
            schema.partial = True
        elif path_names_user and "user_id" in schema.fields:
            schema.partial = ("user_id",)
    elif path_names_user:
        for parameter in operation.get("parameters", []):
            schema = parameter["schema"] = resolve_schema_instance(parameter["schema"])
            schema.fields = {n: f for n, f in schema.fields.items() if n != "user_id"}


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

    def schema_helper(  # type: ignore[override]  # as MarshmallowPlugin's own
        self, name: str, _: Any, schema: Any = None, **kwargs: Any
    ) -> Json | None:
        found: Json | None = super().schema_helper(name, _, schema=schema, **kwargs)  # type: ignore[no-untyped-call]
        if found is None:  # no schema of marshmallow's
            return None
        schema = resolve_schema_instance(schema)
        found |= getattr(schema, "json_schema", {})
        about = {"description": inspect.cleandoc(type(schema).__doc__ or name)}
        if hasattr(schema, "forms"):
            return about | {"oneOf": list(self._forms(name, schema, found))}
        if not providers.UNSET.keys() & schema.fields:
            return about | found
        return about | {"oneOf": list(self._branches(name, schema, found))}

    def _forms(self, name: str, schema: Any, whole: Json) -> Iterator[str]:
        """Register a component for each form that a body may have; yield their names."""
        of_forms = {n for names in schema.forms.values() for n in names}
        for title, names in schema.forms.items():
            others = of_forms.difference(names)
            properties = {n: p for n, p in whole["properties"].items() if n not in others}
            required = [*whole.get("required", ()), *names]
            form = {**whole, "properties": properties, "required": required}
            unset = getattr(schema, "unset", {})
            _admit(form, {n: value for n, value in unset.items() if n in others})
            self.spec.components.schema(f"{name}{title}", form)
            yield f"{name}{title}"

    def _branches(self, name: str, schema: Schema, whole: Json) -> Iterator[str]:
        """Register a component for each kind of provider; yield their names."""
        listed = self.listed if getattr(schema, "takes_listed_providers_only", False) else ()
        for title, condition, details in _kinds(frozenset(listed)):
            others = {n: unset for n, unset in providers.UNSET.items() if n not in details}
            properties = {n: p for n, p in whole["properties"].items() if n not in others}
            properties["provider"] = properties["provider"] | condition
            branch = {**whole, "properties": properties}
            if all(field.dump_only for field in schema.fields.values()):
                branch["required"] = list(properties)
            else:
                _admit(branch, others)
            if getattr(schema, "needs_a_detail", False):
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
