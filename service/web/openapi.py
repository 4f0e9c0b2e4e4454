"""The OpenAPI 3.1 document: what the views declare and the schemas hold, told to others.

flask-smorest and apispec walk the blueprint; here is what they can't see: the branches that the
provider decides about, and what the two forms of a path differ in.
"""

import json
from collections.abc import Iterator
from functools import cache
from http import HTTPStatus
from typing import Any

from apispec import APISpec, BasePlugin
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from flask import Flask, Response, current_app
from flask_smorest import Api, Blueprint
from flask_smorest.spec.plugins import FlaskPlugin
from werkzeug.routing import Rule

from service.schemas import fields, patterns
from service.schemas.associations import (
    DETAILS,
    EXTERNAL,
    AssociationSchema,
    ChangeSchema,
    PairSchema,
    details_of,
)
from service.web import refusals

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
    """Describe the blueprint as it runs in this application, whose context is needed."""
    plugins: list[BasePlugin] = [_Paths(), _Schemas(schema_name_resolver=_name)]
    title, version = app.config["API_TITLE"], app.config["API_VERSION"]
    spec = APISpec(title, version, "3.1.0", plugins, info={"description": _ABOUT})
    spec.components.schema("JsonValue", fields.JSON_VALUE)
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": _BEARER}
    spec.components.security_scheme("bearer", bearer)
    refusals.register(spec)
    spec.tag({"name": blueprint.name, "description": blueprint.description})
    blueprint.register_views_in_doc(_NoDefault(), app, spec, name=blueprint.name, parameters=None)
    document: Json = spec.to_dict()
    document["paths"] = dict(sorted(document["paths"].items()))
    return document


class _NoDefault(Api):
    """Each status is told; a default one would admit any."""

    DEFAULT_ERROR_RESPONSE_NAME = None


class _Paths(FlaskPlugin):
    """Completes the operations of a path before apispec resolves their schemas."""

    def path_helper(
        self, rule: Rule, operations: Json, parameters: list[Json], **kwargs: Any
    ) -> str:
        path_names_user = "user_id" in rule.arguments
        for method, operation in operations.items():
            operation["operationId"] = rule.endpoint.replace(".", "_")
            _complete_request(operation, path_names_user)
            responses = operation["responses"]
            statuses = list(refusals.OF_ANY_OPERATION)
            if path_names_user:
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
        schema = {**fields.UserId.accepted[0], "examples": fields.UserId.examples[:1]}
        bounds = f"from 1 to {patterns.LARGEST_ID}, in decimal without leading zeros"
        told = {"description": f"The user, {bounds}; else 404.", "schema": schema}
        return [{"in": "path", "name": n, "required": True, **told} for n in rule.arguments]


def _complete_request(operation: Json, path_names_user: bool) -> None:
    for declared in operation.pop("parameters", []):
        schema = declared["schema"]
        if declared["in"] == "json_or_query":
            operation["requestBody"] = {
                "description": "The association, unless the query names it.",
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
        media["examples"] = _examples(media["schema"])


def _name(schema: Any) -> str:
    return type(schema).__name__.removesuffix("Schema") + ("ForUser" if schema.partial else "")


class _Converter(OpenAPIConverter):
    """marshmallow's schemas to JSON Schema."""

    def field2property(self, field: Any) -> Json:
        # Of a query, which is text: of the forms that a body may hold only the first is left.
        return _describe(field, field.accepted[:1])

    def schema2jsonschema(self, schema: Any) -> Json:
        shapes = list(_shapes(schema))
        found = shapes[0] if isinstance(schema, PairSchema) else {"oneOf": shapes}
        return {"description": schema.__doc__, **found}


class _Schemas(MarshmallowPlugin):
    Converter = _Converter


def _shapes(schema: Any) -> Iterator[Json]:
    """What a schema admits: a shape with `external`, and one with the other providers."""
    if isinstance(schema, PairSchema):
        yield _pair(schema)
        return
    takes_listed_only = getattr(schema, "takes_listed_providers_only", False)
    listed = current_app.config["PROVIDERS"] if takes_listed_only else frozenset()
    if not listed or EXTERNAL in listed:
        yield _shape(schema, "External", {"const": EXTERNAL, "examples": [EXTERNAL]})
    if not listed:
        yield _shape(schema, "OtherProvider", {"not": {"const": EXTERNAL}})
    elif others := sorted(listed - {EXTERNAL}):
        yield _shape(schema, "OtherProvider", {"enum": others, "examples": others[:1]})


def _shape(schema: Any, title: str, provider: Json) -> Json:
    """The shape with the fields that fit; `provider` is what it has to say of that one."""
    is_returned = isinstance(schema, AssociationSchema)
    properties = {
        name: _describe(field, field.returned if is_returned else field.accepted)
        for name, field in schema.fields.items()
    }
    properties["provider"] |= provider
    fitting = details_of(properties["provider"]["examples"][0])
    silent = {}
    for name in DETAILS:
        if name not in fitting:
            del properties[name]
            silent[f"^{name}$"] = {"enum": [None if schema.fields[name].allow_none else False]}
    shape: Json = {"title": title, "type": "object", "properties": properties}
    shape |= {"required": list(properties), "additionalProperties": False}
    if not is_returned:
        optional = (*DETAILS, *(schema.partial or ()))
        shape["required"] = [name for name in properties if name not in optional]
        # What says nothing may be sent along. Not under `properties`: a client made from this
        # document has the fields that mean something and no others.
        shape["patternProperties"] = silent
    if isinstance(schema, ChangeSchema):
        shape["anyOf"] = [{"required": [name]} for name in fitting]
    return shape


def _pair(schema: Any) -> Json:
    """The body of DELETE. What it lacks the query may have; other fields don't matter."""
    named = {name: _describe(field, field.accepted) for name, field in schema.fields.items()}
    both = {"provider": ["ext_id"], "ext_id": ["provider"]}
    return {"type": "object", "properties": named, "dependentRequired": both}


def _describe(field: Any, forms: list[Json]) -> Json:
    """A field in the first of `forms`, or in any of them; or null if it may be."""
    if field.allow_none:
        forms = [forms[0] | {"type": [forms[0]["type"], "null"]}, *forms[1:]]
    return {
        **(forms[0] if len(forms) == 1 else {"anyOf": forms}),
        "description": field.metadata.get("description", field.description),
        "examples": field.examples[: len(forms)],
    }


def _examples(schema: Any) -> Json:
    """A body of each shape, and one in the forms of older front ends."""
    found = {}
    for shape in _shapes(schema):
        shown = {name: told["examples"] for name, told in shape["properties"].items()}
        for name in schema.partial or ():
            del shown[name]
        newest, oldest = ({name: e[i] for name, e in shown.items()} for i in (0, -1))
        found[shape.get("title", "Association")] = {"value": newest}
        found.setdefault("OlderFrontEnds", {"value": oldest})
    return found
