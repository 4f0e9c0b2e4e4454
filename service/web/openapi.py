"""The OpenAPI 3.1 document: flask-smorest walks the views, apispec the schemas.

Here is what they can't see of paths, such as what one that names the user leaves out; what they
can't see of schemas is in `openapi_schemas`. A schema that can't be described stops the start.
"""

import json
from http import HTTPStatus
from typing import Any

from flask import Flask, Response
from flask_smorest.spec.plugins import FlaskPlugin
from flask_smorest.utils import resolve_schema_instance
from werkzeug.routing import Rule

from service.schemas import fields, metadata, patterns
from service.schemas.fields import Json
from service.web import refusals
from service.web.api import Api, Blueprint
from service.web.app import UserIdConverter
from service.web.openapi_schemas import Schemas

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
