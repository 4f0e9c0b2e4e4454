"""The published description: valid, complete, and true of the service that publishes it."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.factories import PATH, as_admin, as_user, external, facebook

Json = dict[str, Any]
DOCUMENT = "/api/v2/openapi.json"
FIRST, SECOND = PATH, "/api/v2/user/{user_id}/provider/"
# What any operation may be answered, and what this one may be.
ANY = {"406", "414", "429", "500", "503"}
STATUSES = {
    (FIRST, "get"): {"200", "400", "401", "403"},
    (SECOND, "get"): {"200", "400", "401", "404"},
    (FIRST, "post"): {"200", "201", "400", "401", "403", "409", "413"},
    (SECOND, "post"): {"200", "201", "400", "401", "403", "404", "409", "413"},
    (FIRST, "patch"): {"200", "400", "401", "403", "404", "413"},
    (SECOND, "patch"): {"200", "400", "401", "403", "404", "413"},
    (FIRST, "delete"): {"204", "400", "401", "403", "404", "413"},
    (SECOND, "delete"): {"204", "400", "401", "403", "404", "413"},
}
OPERATIONS = pytest.mark.parametrize(("path", "method"), STATUSES)
WRITES = pytest.mark.parametrize(
    ("path", "method"), [(path, method) for path, method in STATUSES if method != "get"]
)


@pytest.fixture
def document(client: FlaskClient) -> Json:
    found: Json = client.get(DOCUMENT).get_json()
    return found


def resolved(document: Json, node: Json) -> Json:
    """What a reference points at; the node itself if it is none."""
    while "$ref" in node:
        target: Any = document
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name.replace("~1", "/").replace("~0", "~")]
        node = target
    return node


def operation(document: Json, path: str, method: str) -> Json:
    found: Json = document["paths"][path][method]
    return found


def content(document: Json, holder: Json, media_type: str = "application/json") -> Json:
    found: Json = resolved(document, holder)["content"][media_type]
    return found


def accepts(document: Json, schema: Json, value: object) -> bool:
    return Draft202012Validator(schema | {"components": document["components"]}).is_valid(value)


def branches(document: Json, schema: Json) -> list[Json]:
    """The leaves of a schema's alternatives, each merged with what they share."""
    schema = resolved(document, schema)
    if "allOf" in schema:
        merged: Json = {}
        for part in schema["allOf"]:
            merged |= resolved(document, part).get("properties", {})
        return [schema | {"properties": merged | schema.get("properties", {})}]
    options = schema.get("oneOf", schema.get("anyOf"))
    if options is None:
        return [schema]
    return [leaf for option in options for leaf in branches(document, option)]


def body_of(document: Json, path: str, method: str) -> Json:
    return content(document, operation(document, path, method)["requestBody"])


def test_the_document_is_json(client: FlaskClient) -> None:
    response = client.get(DOCUMENT)
    assert (response.status_code, response.mimetype) == (200, "application/json")


def test_the_document_is_valid_openapi_3_1(document: Json) -> None:
    assert document["openapi"].startswith("3.1.")
    assert not list(OpenAPIV31SpecValidator(document).iter_errors())


def test_the_document_says_what_it_describes(document: Json) -> None:
    assert document["info"]["title"]
    assert document["info"]["version"]


@OPERATIONS
def test_every_operation_tells_its_statuses(document: Json, path: str, method: str) -> None:
    told = set(operation(document, path, method)["responses"])
    assert STATUSES[path, method] <= told
    assert told >= ANY or "default" in told


@OPERATIONS
def test_no_operation_tells_of_422(document: Json, path: str, method: str) -> None:
    assert "422" not in operation(document, path, method)["responses"]


@OPERATIONS
def test_every_operation_has_a_summary(document: Json, path: str, method: str) -> None:
    assert operation(document, path, method)["summary"]


def test_every_operation_has_an_id_of_its_own(document: Json) -> None:
    ids = [operation(document, *key).get("operationId") for key in STATUSES]
    assert None in ids or len(set(ids)) == len(ids)


@OPERATIONS
def test_every_response_has_a_description(document: Json, path: str, method: str) -> None:
    for response in operation(document, path, method)["responses"].values():
        assert resolved(document, response)["description"]


@OPERATIONS
def test_every_refusal_is_described_by_the_error_body(
    client: FlaskClient, document: Json, path: str, method: str
) -> None:
    problem = client.post(PATH, json={"user_id": 7}, headers=as_user(7)).get_json()
    for status, response in operation(document, path, method)["responses"].items():
        if status[0] in "45d":
            schema = content(document, response, "application/problem+json")["schema"]
            assert accepts(document, schema, problem), status


def test_the_error_body_is_described_with_and_without_a_field(
    client: FlaskClient, document: Json
) -> None:
    responses = operation(document, FIRST, "post")["responses"]
    schema = content(document, responses["401"], "application/problem+json")["schema"]
    assert accepts(document, schema, client.post(PATH).get_json())


def test_the_bearer_scheme_is_described(document: Json) -> None:
    schemes = document["components"]["securitySchemes"].values()
    assert [(scheme["type"], scheme["scheme"].casefold()) for scheme in schemes] == [
        ("http", "bearer")
    ]


@OPERATIONS
def test_a_token_is_required_but_on_the_list(document: Json, path: str, method: str) -> None:
    (name,) = document["components"]["securitySchemes"]
    security = operation(document, path, method).get("security", document.get("security"))
    assert {name: []} in security
    assert ({} in security) == (method == "get")


def test_the_user_in_the_path_is_described(document: Json) -> None:
    item = document["paths"][SECOND]
    for method in ("get", "post", "patch", "delete"):
        parameters = [
            resolved(document, one)
            for one in item.get("parameters", []) + item[method].get("parameters", [])
        ]
        (user_id,) = [one for one in parameters if one["in"] == "path"]
        assert user_id["schema"]["type"] == "integer"
        assert user_id.get("description")


@pytest.mark.parametrize(
    ("path", "method", "names"),
    [
        (FIRST, "get", {"user_id", "provider", "ext_id"}),
        (SECOND, "get", set()),
        (FIRST, "delete", {"user_id", "provider", "ext_id"}),
        (SECOND, "delete", {"user_id", "provider", "ext_id"}),
        (FIRST, "post", set()),
        (SECOND, "patch", set()),
    ],
)
def test_the_query_parameters_are_those_of_the_contract(
    document: Json, path: str, method: str, names: set[str]
) -> None:
    parameters = [
        resolved(document, one) for one in operation(document, path, method)["parameters"]
    ]
    asked = [one for one in parameters if one["in"] == "query"]
    assert {one["name"] for one in asked} == names
    assert all(one.get("description") for one in asked)


def fields(node: Any, name: str = "") -> Iterator[tuple[str, Json]]:
    """Every property of every schema, with a name that tells where."""
    if isinstance(node, list):
        for number, part in enumerate(node):
            yield from fields(part, f"{name}/{number}")
    elif isinstance(node, dict):
        for key, part in node.items():
            if key == "properties":
                yield from ((f"{name}/{field}", schema) for field, schema in part.items())
            if key not in {"example", "examples", "default", "const", "enum"}:
                yield from fields(part, f"{name}/{key}")


def test_every_field_has_a_description(document: Json) -> None:
    found = list(fields(document["components"]["schemas"]))
    assert found
    assert [
        name
        for name, schema in found
        if not (schema.get("description") or resolved(document, schema).get("description"))
    ] == []


def test_every_field_has_an_example(document: Json) -> None:
    assert [
        name
        for name, schema in fields(document["components"]["schemas"])
        if not {"example", "examples"} & (schema.keys() | resolved(document, schema).keys())
    ] == []


def test_every_example_suits_its_own_field(document: Json) -> None:
    for name, schema in fields(document["components"]["schemas"]):
        told = resolved(document, schema) | schema
        for example in [told["example"]] if "example" in told else told.get("examples", []):
            assert accepts(document, schema, example), (name, example)


def both_branches(document: Json, schema: Json) -> None:
    found = [set(branch["properties"]) for branch in branches(document, schema)]
    assert [names for names in found if "metadata" in names and "profile_url" not in names]
    assert [names for names in found if "profile_url" in names and "metadata" not in names]
    assert not [names for names in found if {"metadata", "profile_url"} <= names]


@pytest.mark.parametrize("path", [FIRST, SECOND])
@pytest.mark.parametrize("method", ["post", "patch"])
def test_a_body_has_a_branch_for_external_and_one_for_the_others(
    document: Json, path: str, method: str
) -> None:
    both_branches(document, body_of(document, path, method)["schema"])


@OPERATIONS
def test_a_representation_has_a_branch_for_external_and_one_for_the_others(
    document: Json, path: str, method: str
) -> None:
    responses = operation(document, path, method)["responses"]
    for status in {"200", "201"} & set(responses):
        schema = content(document, responses[status])["schema"]
        both_branches(document, resolved(document, schema).get("items", schema))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (facebook(), True),
        (facebook(profile_url="https://example.com/x", show_in_profile=True), True),
        (facebook(profile_url=None), True),
        (facebook(user_id="7"), True),
        (facebook(ext_id=5), True),
        (external(), True),
        (external(metadata={"a": 1}), True),
        (external(metadata='{"a": 1}'), True),
        (external(metadata=None), True),
        (external(user_id="7", ext_id=5), True),
        (facebook(metadata={"a": 1}), False),
        (external(profile_url="https://example.com/x"), False),
        (external(show_in_profile=True), False),
        (facebook(unknown=1), False),
        (facebook(show_in_profile=None), False),
        (facebook(show_in_profile="true"), False),
        (facebook(provider="Facebook"), False),
        (facebook(ext_id=""), False),
        (facebook(user_id=0), False),
        (facebook(user_id="07"), False),
        (facebook(user_id=True), False),
        ({"user_id": 7, "provider": "facebook"}, False),
    ],
)
def test_the_description_of_a_create_agrees_with_the_service(
    client: FlaskClient, document: Json, body: Json, expected: bool
) -> None:
    described = accepts(document, body_of(document, FIRST, "post")["schema"], body)
    created = client.post(PATH, json=body, headers=as_user(7)).status_code == 201
    assert (described, created) == (expected, expected)


@pytest.mark.parametrize("body", [facebook(), external(), external(metadata='{"a": [1]}')])
def test_what_the_service_returns_is_as_described(
    client: FlaskClient, document: Json, body: Json
) -> None:
    row = client.post(PATH, json=body, headers=as_user(7)).get_json()
    created = operation(document, FIRST, "post")["responses"]["201"]
    listed = operation(document, FIRST, "get")["responses"]["200"]
    assert accepts(document, content(document, created)["schema"], row)
    assert accepts(document, content(document, listed)["schema"], [row])


def test_a_representation_with_the_other_branchs_keys_is_not_as_described(document: Json) -> None:
    created = operation(document, FIRST, "post")["responses"]["201"]
    schema = content(document, created)["schema"]
    assert not accepts(document, schema, external(profile_url=None, show_in_profile=False))


def examples(document: Json, media: Json) -> list[Json]:
    """The bodies that the document shows: whole ones, or one put together from each branch."""
    if "examples" in media:
        return [resolved(document, one)["value"] for one in media["examples"].values()]
    if "example" in media:
        return [media["example"]]
    found = []
    for branch in branches(document, media["schema"]):
        told = branch.get("examples", [branch["example"]] if "example" in branch else [])
        made = {}
        for name, schema in branch["properties"].items():
            field = resolved(document, schema) | schema
            made[name] = field["example"] if "example" in field else field["examples"][0]
        found += told or [made]
    return found


@pytest.mark.parametrize("path", [FIRST, SECOND])
def test_the_examples_of_a_create_are_accepted(
    client: FlaskClient, document: Json, path: str
) -> None:
    shown = examples(document, body_of(document, path, "post"))
    assert {body["provider"] == "external" for body in shown} == {True, False}
    for body in shown:
        target = path.replace("{user_id}", str(body.get("user_id", 7)))
        response = client.post(target, json=body, headers=as_admin())
        assert response.status_code == 201, response.get_json()


@pytest.mark.parametrize("path", [FIRST, SECOND])
@pytest.mark.parametrize(("method", "status"), [("patch", 200), ("delete", 204)])
def test_the_examples_of_the_other_writes_are_accepted(
    client: FlaskClient, document: Json, path: str, method: str, status: int
) -> None:
    for body in examples(document, body_of(document, path, method)):
        body.setdefault("user_id", 7)
        target = path.replace("{user_id}", str(body["user_id"]))
        pair = {name: body[name] for name in ("user_id", "provider", "ext_id")}
        client.post(PATH, json=pair, headers=as_admin())
        response = client.open(target, method=method, json=body, headers=as_admin())
        assert response.status_code == status, response.get_json()
