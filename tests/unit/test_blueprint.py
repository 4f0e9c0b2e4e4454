"""The blueprint does what flask-smorest documents, for views that this service has not got yet."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Response
from flask.testing import FlaskClient
from marshmallow import Schema, fields, validate
from marshmallow.exceptions import RegistryError

from service.schemas.fields import ExtId, Provider
from service.schemas.requests import RequestSchema
from service.web import edge, errors, openapi
from service.web.api import Blueprint
from service.web.app import App

View = Callable[..., Any]


class PartSchema(Schema):
    size = fields.Integer(required=True)


class ThingSchema(RequestSchema):
    """A thing."""

    name = fields.String(required=True, validate=validate.Length(max=3))
    parts = fields.List(fields.Nested(PartSchema))


@pytest.fixture
def blp() -> Blueprint:
    return Blueprint("things", __name__, url_prefix="/api/v2/things", description="Things.")


@pytest.fixture
def serve(blp: Blueprint) -> Callable[[], FlaskClient]:
    """Serve what the blueprint has got by now."""

    def serve_() -> FlaskClient:
        app = App(__name__)
        app.config.update(API_TITLE="Things", API_VERSION="1", PROVIDERS=frozenset())
        edge.init_app(app, frozenset())
        errors.init_app(app)
        openapi.init_app(app, blp)
        return app.test_client()

    return serve_


Serve = Callable[[], FlaskClient]


def document(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/v2/openapi.json").get_json()
    return found


def test_a_view_answers_with_its_status(blp: Blueprint, serve: Serve) -> None:
    @blp.route("/", methods=["POST"])
    @blp.response(202)
    def accept() -> None:
        """Accept."""

    assert serve().post("/api/v2/things/").status_code == 202


def test_a_view_that_returns_nothing_answers_without_content(blp: Blueprint, serve: Serve) -> None:
    @blp.route("/", methods=["DELETE"])
    @blp.response(204)
    def delete() -> None:
        """Delete."""

    response = serve().delete("/api/v2/things/")
    assert (response.data, response.content_type) == (b"", None)


def test_a_view_without_a_schema_answers_with_json(blp: Blueprint, serve: Serve) -> None:
    @blp.route("/")
    @blp.response(200)
    def count() -> dict[str, int]:
        """Count."""
        return {"deleted": 3}

    assert serve().get("/api/v2/things/").get_json() == {"deleted": 3}


def test_a_view_may_return_a_status_of_its_own(blp: Blueprint, serve: Serve) -> None:
    @blp.route("/")
    @blp.response(200, ThingSchema())
    @blp.alt_response(203, schema=ThingSchema())
    def read() -> tuple[dict[str, str], int]:
        """Read."""
        return {"name": "x"}, 203

    response = serve().get("/api/v2/things/")
    assert (response.status_code, response.get_json()) == (203, {"name": "x"})


def test_a_view_may_return_a_response(blp: Blueprint, serve: Serve) -> None:
    @blp.route("/")
    @blp.response(200, ThingSchema())
    def read() -> Response:
        """Read."""
        return Response("as it is", 207)

    response = serve().get("/api/v2/things/")
    assert (response.status_code, response.text) == (207, "as it is")


def test_a_path_may_have_several_parameters(blp: Blueprint, serve: Serve) -> None:
    @blp.route("/<int:number>/parts/<name>", methods=["POST"])
    @blp.arguments(ThingSchema())
    @blp.response(201)
    def add(thing: dict[str, Any], number: int, name: str) -> list[Any]:
        """Add."""
        return [thing["name"], number, name]

    response = serve().post("/api/v2/things/7/parts/wheel", json={"name": "x"})
    assert response.get_json() == ["x", 7, "wheel"]


def test_every_parameter_of_a_path_is_described(blp: Blueprint, serve: Serve) -> None:
    @blp.route("/<user_id:user_id>/parts/<int:number>")
    @blp.response(200, ThingSchema())
    def read(user_id: int, number: int) -> None:
        """Read."""

    (path,) = document(serve())["paths"].values()
    assert [(p["name"], p["schema"]["type"]) for p in path["parameters"]] == [
        ("user_id", "integer"),
        ("number", "integer"),
    ]


def test_methods_of_one_view_have_ids_of_their_own(blp: Blueprint, serve: Serve) -> None:
    @blp.route("/", methods=["GET", "POST"])
    @blp.response(200, ThingSchema())
    def both() -> None:
        """Read or write."""

    (path,) = document(serve())["paths"].values()
    assert {path[method]["operationId"] for method in path} == {
        "things_both_get",
        "things_both_post",
    }


def test_the_fields_of_marshmallow_are_described_by_apispec(blp: Blueprint, serve: Serve) -> None:
    @blp.route("/", methods=["POST"])
    @blp.arguments(ThingSchema)
    @blp.response(201, ThingSchema(many=True))
    def create(thing: dict[str, Any]) -> None:
        """Create."""

    schemas = document(serve())["components"]["schemas"]
    assert schemas["Thing"] == {
        "type": "object",
        "description": "A thing.",
        "properties": {
            "name": {"type": "string", "maxLength": 3},
            "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Part"}},
        },
        "required": ["name"],
        "additionalProperties": False,
    }
    assert schemas["Part"]["properties"] == {"size": {"type": "integer", "format": "int64"}}


def test_what_a_validator_adds_to_a_field_of_ours_is_described(
    blp: Blueprint, serve: Serve
) -> None:
    class ShortSchema(Schema):
        provider = Provider(validate=validate.Length(max=8))

    @blp.route("/", methods=["POST"])
    @blp.arguments(ShortSchema())
    @blp.response(201)
    def create(thing: dict[str, Any]) -> None:
        """Create."""

    schemas = document(serve())["components"]["schemas"]
    assert schemas["Short"]["properties"]["provider"]["maxLength"] == 8


def test_a_schema_that_can_not_be_described_stops_the_start(blp: Blueprint, serve: Serve) -> None:
    class BrokenSchema(Schema):
        """One that refers to what is not there."""

        part = fields.Nested("NoSuchSchema")

    @blp.route("/", methods=["POST"])
    @blp.arguments(BrokenSchema())
    @blp.response(201)
    def create(thing: dict[str, Any]) -> None:
        """Create."""

    with pytest.raises(RegistryError):
        serve()


def test_declared_refusals_are_described(blp: Blueprint, serve: Serve) -> None:
    @blp.route("/")
    @blp.response(200, ThingSchema())
    @blp.refuses(409, 410)
    def read() -> None:
        """Read."""

    (path,) = document(serve())["paths"].values()
    assert path["get"]["responses"]["410"] == {"$ref": "#/components/responses/GONE"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, ("name", "required", "Missing data for required field.")),
        ({"name": None}, ("name", "null", "Field may not be null.")),
        ({"name": "long"}, ("name", "invalid", "Longer than maximum length 3.")),
        (
            {"name": "x", "parts": [{"size": 1}, {"size": "x"}]},
            ("parts", "invalid", "At 1: At size: Not a valid integer."),
        ),
    ],
)
def test_the_fields_of_marshmallow_are_refused_in_the_one_shape(
    blp: Blueprint, serve: Serve, body: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    @blp.route("/", methods=["POST"])
    @blp.arguments(ThingSchema())
    @blp.response(201)
    def create(thing: dict[str, Any]) -> None:
        """Create."""

    response = serve().post("/api/v2/things/", json=body)
    assert response.status_code == 400
    (error,) = response.get_json()["errors"]
    (message,) = error["messages"]
    assert (error["field"], message["code"], message["message"]) == expected


def test_an_identity_that_a_query_holds_is_read_as_from_a_body(
    blp: Blueprint, serve: Serve
) -> None:
    class PairQuerySchema(RequestSchema):
        ext_id = ExtId(required=True)

    @blp.route("/")
    @blp.arguments(PairQuerySchema(), location="query")
    @blp.response(200)
    def read(query: dict[str, Any]) -> dict[str, Any]:
        """Read."""
        return query

    assert serve().get("/api/v2/things/?ext_id=a%20b").get_json() == {"ext_id": "a b"}
