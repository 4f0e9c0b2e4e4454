"""The published description is valid and complete."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.api import openapi
from tests.api.openapi import FIRST, PROBLEM, SECOND, Document
from tests.support.databases import ON_ONE
from tests.support.factories import PATH, as_user

pytestmark = ON_ONE

# What this operation may be answered, and what any may be: each declared, or a default.
STATUSES = {
    (FIRST, "get"): {"200", "400", "401", "403"},
    (SECOND, "get"): {"200", "400", "401"},
    (FIRST, "post"): {"200", "201", "400", "401", "403", "409", "413"},
    (SECOND, "post"): {"200", "201", "400", "401", "403", "409", "413"},
    (FIRST, "patch"): {"200", "400", "401", "403", "404", "413"},
    (SECOND, "patch"): {"200", "400", "401", "403", "404", "413"},
    (FIRST, "delete"): {"204", "400", "401", "403", "404", "413"},
    (SECOND, "delete"): {"204", "400", "401", "403", "404", "413"},
    (f"{FIRST}search/", "get"): {"200", "400", "401", "403"},
    (f"{FIRST}lookup/", "post"): {"200", "400", "401", "403", "413"},
    (f"{FIRST}events/", "get"): {"200", "400", "401", "403", "410"},
    (f"{SECOND}history/", "get"): {"200", "400", "401", "403", "404"},
    (f"{SECOND}all/", "delete"): {"200", "400", "401", "403", "404"},
    (f"{SECOND}transfer/", "post"): {"200", "400", "401", "403", "404", "409", "413"},
}
ANY = {"406", "414", "429", "500", "503"}
OPERATIONS = pytest.mark.parametrize(("path", "method"), STATUSES)


@pytest.fixture
def document(client: FlaskClient) -> Document:
    return openapi.read(client)


def test_the_document_is_json(client: FlaskClient) -> None:
    response = client.get(openapi.ADDRESS)
    assert (response.status_code, response.mimetype) == (200, "application/json")


def test_the_document_is_written_once(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = make_app().test_client()
    first = client.get(openapi.ADDRESS).data
    monkeypatch.setattr("service.web.openapi.json.dumps", lambda *_: "something else")
    assert client.get(openapi.ADDRESS).data == first


def test_the_document_is_valid_openapi_3_1(document: Document) -> None:
    assert document.root["openapi"].startswith("3.1.")
    assert not list(OpenAPIV31SpecValidator(document.root).iter_errors())


@pytest.mark.parametrize("name", ["title", "version"])
def test_the_document_says_what_it_describes(document: Document, name: str) -> None:
    assert document.root["info"][name]


@OPERATIONS
def test_every_operation_declares_its_statuses(document: Document, path: str, method: str) -> None:
    declared = set(document.operation(path, method)["responses"])
    assert STATUSES[path, method] <= declared
    assert declared >= ANY
    assert "default" not in declared  # which would admit any


@pytest.mark.parametrize("path", [f"{SECOND}history/", f"{SECOND}all/"])
def test_a_404_that_is_about_the_path_alone_says_so(document: Document, path: str) -> None:
    (method,) = document.root["paths"][path].keys() - {"parameters"}
    response = document.whole(document.operation(path, method)["responses"]["404"])
    assert response["description"] == "The path's user can't exist."


@OPERATIONS
def test_no_operation_declares_422(document: Document, path: str, method: str) -> None:
    assert "422" not in document.operation(path, method)["responses"]


@OPERATIONS
def test_every_operation_has_a_summary(document: Document, path: str, method: str) -> None:
    assert document.operation(path, method)["summary"]


@OPERATIONS
def test_every_response_has_a_description(document: Document, path: str, method: str) -> None:
    for response in document.operation(path, method)["responses"].values():
        assert document.whole(response)["description"]


@OPERATIONS
def test_every_refusal_is_described_by_the_error_body(
    client: FlaskClient, document: Document, path: str, method: str
) -> None:
    problem = client.post(PATH, json={"user_id": 7}, headers=as_user(7)).get_json()
    for status, response in document.operation(path, method)["responses"].items():
        if status[0] in "45d":
            schema = document.content(response, PROBLEM)["schema"]
            assert document.accepts(schema, problem), status


@pytest.mark.parametrize("wrong", [{}, {"msg": "x"}, {"code": 400, "status": "Bad Request"}, []])
def test_the_error_body_is_described_as_nothing_else(document: Document, wrong: object) -> None:
    response = document.operation(FIRST, "post")["responses"]["400"]
    assert not document.accepts(document.content(response, PROBLEM)["schema"], wrong)


def test_the_error_body_is_described_without_a_field_too(
    client: FlaskClient, document: Document
) -> None:
    response = document.operation(FIRST, "post")["responses"]["401"]
    schema = document.content(response, PROBLEM)["schema"]
    assert document.accepts(schema, client.post(PATH).get_json())


@OPERATIONS
def test_the_example_of_a_refusal_is_one_with_its_status(
    document: Document, path: str, method: str
) -> None:
    for status, response in document.operation(path, method)["responses"].items():
        if status >= "400":
            media = document.content(response, PROBLEM)
            assert document.accepts(media["schema"], media["example"]), status
            assert media["example"]["status"] == int(status)


@OPERATIONS
def test_every_response_declares_its_request_id(document: Document, path: str, method: str) -> None:
    for status, response in document.operation(path, method)["responses"].items():
        header = document.whole(response)["headers"]["X-Request-ID"]
        assert document.whole(header)["required"], status


@pytest.mark.parametrize(
    ("status", "name"),
    [
        ("401", "WWW-Authenticate"),
        ("405", "Allow"),
        ("429", "Retry-After"),
        ("503", "Retry-After"),
    ],
)
def test_a_refusal_declares_the_header_that_helps(
    document: Document, status: str, name: str
) -> None:
    response = document.whole(document.operation(FIRST, "post")["responses"][status])
    assert document.whole(response["headers"][name])["required"]


@pytest.mark.parametrize("path", [FIRST, SECOND])
def test_a_204_has_no_content(document: Document, path: str) -> None:
    assert "content" not in document.operation(path, "delete")["responses"]["204"]


def test_the_public_list_of_a_path_is_never_403(document: Document) -> None:
    assert "403" not in document.operation(SECOND, "get")["responses"]


def test_every_operation_has_an_id_of_its_own(document: Document) -> None:
    ids = [document.operation(path, method)["operationId"] for path, method in STATUSES]
    assert len(set(ids)) == len(STATUSES)


def test_the_bearer_scheme_is_described(document: Document) -> None:
    ((name, scheme),) = document.root["components"]["securitySchemes"].items()
    declared = (name, scheme["type"], scheme["scheme"], scheme["bearerFormat"])
    assert declared == ("bearer", "http", "bearer", "JWT")


@OPERATIONS
def test_a_token_is_required_but_on_the_list(document: Document, path: str, method: str) -> None:
    (name,) = document.root["components"]["securitySchemes"]
    operation = document.root | document.operation(path, method)
    security = operation["security"]
    assert {name: []} in security
    assert ({} in security) == (method == "get" and path in (FIRST, SECOND))


@pytest.mark.parametrize("method", ["get", "post", "patch", "delete"])
def test_the_user_in_the_path_is_described(document: Document, method: str) -> None:
    (user_id,) = [one for one in document.parameters(SECOND, method) if one["in"] == "path"]
    assert user_id["name"] == "user_id"
    schema = user_id["schema"]
    assert (schema["type"], schema["minimum"], schema["maximum"]) == ("integer", 1, 2**63 - 1)
    assert user_id["description"]


@pytest.mark.parametrize(
    ("path", "method", "names"),
    [
        (FIRST, "get", {"user_id", "provider", "ext_id"}),
        (SECOND, "get", set()),
        (FIRST, "delete", {"user_id", "provider", "ext_id"}),
        (SECOND, "delete", {"user_id", "provider", "ext_id"}),
        (FIRST, "post", set()),
        (SECOND, "post", set()),
        (FIRST, "patch", set()),
        (SECOND, "patch", set()),
    ],
)
def test_the_query_parameters_are_those_of_the_contract(
    document: Document, path: str, method: str, names: set[str]
) -> None:
    asked = [one for one in document.parameters(path, method) if one["in"] == "query"]
    assert {one["name"] for one in asked} == names


@pytest.mark.parametrize(("path", "method"), [(FIRST, "get"), (FIRST, "delete")])
def test_every_parameter_is_optional_and_has_a_description_and_an_example(
    document: Document, path: str, method: str
) -> None:
    for one in document.parameters(path, method):
        schema = document.whole(one["schema"])
        assert not one.get("required"), one["name"]
        assert one.get("description") or schema.get("description"), one["name"]
        assert {"example", "examples"} & (one.keys() | schema.keys()), one["name"]


def test_a_delete_may_have_a_body(document: Document) -> None:
    body = document.operation(FIRST, "delete")["requestBody"]
    assert not body.get("required")
    assert document.content(body)["schema"]


def test_every_field_has_a_description(document: Document) -> None:
    found = list(openapi.fields(document.root["components"]["schemas"]))
    assert found
    assert [name for name, field in found if not document.whole(field).get("description")] == []


def test_every_field_has_an_example(document: Document) -> None:
    assert [
        name
        for name, field in openapi.fields(document.root["components"]["schemas"])
        if not {"example", "examples"} & document.whole(field).keys()
    ] == []


def test_every_example_suits_its_own_field(document: Document) -> None:
    for name, field in openapi.fields(document.root["components"]["schemas"]):
        whole = document.whole(field)
        for example in whole.get("examples", [whole["example"]] if "example" in whole else []):
            assert document.accepts(field, example), (name, example)
