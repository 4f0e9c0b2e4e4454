"""The OpenAPI 3.1 document: what the views declare and the schemas hold, told to others.

flask-smorest and apispec walk the blueprint; here is what they can't see: the branches that the
provider decides about, and what the two forms of a path differ in.
"""

import json
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from flask import Flask, Response
from flask_smorest import Api, Blueprint
from flask_smorest.spec.plugins import FlaskPlugin
from marshmallow import Schema
from werkzeug.routing import Rule

from service import fields, refusals
from service.schemas import (
    DETAILS,
    EXTERNAL,
    AssociationSchema,
    ChangeSchema,
    CreateSchema,
    PairSchema,
    details_of,
)

Json = dict[str, Any]

_JSON = "application/json"
_ABOUT = """\
Which identities at external providers the platform's users are linked to.

Every path is served without its last slash too. Where the path names the user, a `user_id` in
the body or query may be left out; if sent, it must be the same. HEAD answers like GET.

To create is safe to retry: what is stored already, exactly so, is answered with 200. Every
refusal has the same body, `Problem`. Try again on 429 and 503, after `Retry-After` seconds.
"""
_BEARER = "A JWT of the platform. The role of an admin is in it, or granted here by the operator."


def init_app(app: Flask, blueprint: Blueprint) -> None:
    """Serve the document. It is made when first asked for, not at each worker's start."""

    @cache
    def text() -> str:
        # ASCII: some expressions hold characters that nobody would see.
        return json.dumps(make(app, blueprint))

    @app.get("/api/v2/openapi.json")
    def openapi_json() -> Response:
        return Response(text(), mimetype=_JSON)


def make(app: Flask, blueprint: Blueprint) -> Json:
    """Describe the blueprint as it runs in this application."""
    listed = app.config["PROVIDERS"]
    schemas = _Schemas(schema_name_resolver=_name)
    spec = APISpec(
        app.config["API_TITLE"],
        app.config["API_VERSION"],
        "3.1.0",
        [_Paths(listed), schemas],
        info={"description": _ABOUT},
    )
    schemas.converter.listed = listed  # type: ignore[union-attr]
    spec.components.schema("JsonValue", fields.JSON_VALUE)
    spec.components.security_scheme(
        "bearer",
        {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": _BEARER},
    )
    refusals.register(spec)
    spec.tag({"name": blueprint.name, "description": blueprint.description})
    blueprint.register_views_in_doc(_NoDefault(), app, spec, name=blueprint.name, parameters=None)
    document: Json = spec.to_dict()
    document["paths"] = dict(sorted(document["paths"].items()))
    return document


class _NoDefault(Api):  # type: ignore[misc]
    """Each status is told; a default one would admit any."""

    DEFAULT_ERROR_RESPONSE_NAME = None


class _Paths(FlaskPlugin):  # type: ignore[misc]
    """Completes the operations of a path before apispec resolves their schemas."""

    def __init__(self, listed: frozenset[str]) -> None:
        super().__init__()
        self.listed = listed

    def path_helper(
        self, rule: Rule, operations: Json, parameters: list[Json], **kwargs: Any
    ) -> str:
        for method, operation in operations.items():
            operation["operationId"] = f"{rule.endpoint}".replace(".", "_")
            _complete_request(operation, self.listed, path_names_user=bool(rule.arguments))
            responses = operation["responses"]
            statuses = list(refusals.OF_ANY_OPERATION)
            if rule.arguments:
                statuses.append(404)
                if method == "get":
                    del responses[403]  # of the look-up
            responses |= {status: HTTPStatus(status).name for status in statuses}
            for response in responses.values():
                if isinstance(response, dict):
                    response["headers"] = {"X-Request-ID": "X-Request-ID"}
            operation["responses"] = dict(sorted(responses.items()))
        path: str = super().path_helper(rule, operations, parameters, **kwargs)
        return f"{path}/"

    def rule_to_params(self, rule: Rule) -> list[Json]:
        schema = _describe(fields.UserId(), fields.UserId.accepted[:1])
        about = schema.pop("description")
        user = {"in": "path", "name": "user_id", "required": True, "description": about}
        return [{**user, "schema": schema}] if rule.arguments else []


def _complete_request(operation: Json, listed: frozenset[str], *, path_names_user: bool) -> None:
    for declared in operation.pop("parameters", []):
        schema = declared["schema"]
        if declared["in"] == "json_or_query":
            operation["requestBody"] = {
                "description": "The pair, unless the query has it, or whole associations as they are.",
                "required": False,
                "content": {_JSON: {"schema": schema}},
            }
            schema = type(schema)(partial=True)
        elif path_names_user:
            continue  # nothing is left to ask
        operation["parameters"] = [{"in": "query", "schema": schema}]
    if "requestBody" in operation:
        media = operation["requestBody"]["content"][_JSON]
        if path_names_user:
            media["schema"] = type(media["schema"])(partial=("user_id",))
        media["examples"] = _examples(media["schema"], listed)


def _name(schema: Any) -> str:
    return type(schema).__name__.removesuffix("Schema") + ("ForUser" if schema.partial else "")


class _Converter(OpenAPIConverter):
    """marshmallow's schemas to JSON Schema."""

    listed: frozenset[str] = frozenset()
    """The providers that may be linked; empty: any."""

    def field2property(self, field: Any) -> Json:
        # Of a query, which is text: of the forms that a body may hold only the first is left.
        return _describe(field, field.accepted[:1])

    def schema2jsonschema(self, schema: Schema) -> Json:
        branches = list(_branches(schema, self.listed))
        found = branches[0] if isinstance(schema, PairSchema) else {"oneOf": branches}
        return {"description": schema.__doc__, **found}


class _Schemas(MarshmallowPlugin):
    Converter = _Converter


def _branches(schema: Schema, listed: frozenset[str]) -> Iterator[Json]:
    """The shapes of an association: with `external`, and with the other providers."""
    if isinstance(schema, PairSchema):
        yield _describe_pair(schema)
        return
    if not isinstance(schema, CreateSchema):
        listed = frozenset()
    if not listed or EXTERNAL in listed:
        yield _describe_branch(schema, "External", {"const": EXTERNAL, "examples": [EXTERNAL]})
    if not listed:
        yield _describe_branch(schema, "OtherProvider", {"not": {"const": EXTERNAL}})
    elif others := sorted(listed - {EXTERNAL}):
        yield _describe_branch(schema, "OtherProvider", {"enum": others, "examples": others[:1]})


def _describe_branch(schema: Any, title: str, provider: Json) -> Json:
    """A branch's fields; `provider` is what it has to say of that one."""
    is_returned = isinstance(schema, AssociationSchema)
    properties = {
        name: _describe(field, field.returned if is_returned else field.accepted)
        for name, field in schema.fields.items()
    }
    properties["provider"] |= provider
    fitting = details_of(properties["provider"]["examples"][0])
    misfits = [name for name in DETAILS if name not in fitting]
    for name in misfits:
        del properties[name]
    branch: Json = {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": list(properties) if is_returned else _required(schema),
        "additionalProperties": False,
    }
    if not is_returned:
        # What says nothing may be sent along. Not under `properties`: a client made from this
        # document has the fields that mean something and no others.
        branch["patternProperties"] = {
            f"^{name}$": {"type": "null"} if schema.fields[name].allow_none else {"const": False}
            for name in misfits
        }
    if isinstance(schema, ChangeSchema):
        branch["anyOf"] = [{"required": [name]} for name in fitting]
    return branch


def _describe_pair(schema: Any) -> Json:
    """The body of DELETE. What it lacks the query may have; other fields don't matter."""
    return {
        "type": "object",
        "properties": {
            name: _describe(field, field.accepted) for name, field in schema.fields.items()
        },
        "dependentRequired": {"provider": ["ext_id"], "ext_id": ["provider"]},
    }


def _describe(field: Any, forms: list[Json]) -> Json:
    """A field in the first of `forms`, or in any of them; or null if it may be."""
    if field.allow_none:
        forms = [forms[0] | {"type": [forms[0]["type"], "null"]}, *forms[1:]]
    return {
        **(forms[0] if len(forms) == 1 else {"anyOf": forms}),
        "description": field.metadata.get("description", field.description),
        "examples": field.examples[: len(forms)],
    }


def _required(schema: Any) -> list[str]:
    by_path = schema.partial or ()
    return [n for n, field in schema.fields.items() if field.required and n not in by_path]


def _examples(schema: Any, listed: frozenset[str]) -> Json:
    """A body for each branch, and the first one's in the forms of older front ends."""
    found = {}
    for branch in _branches(schema, listed):
        shown = {n: p["examples"] for n, p in branch["properties"].items()}
        for n in schema.partial or ():
            del shown[n]
        found[branch.get("title", "Association")] = {"value": {n: e[0] for n, e in shown.items()}}
        found.setdefault("OlderFrontEnds", {"value": {n: e[-1] for n, e in shown.items()}})
    return found
