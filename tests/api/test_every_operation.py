"""What holds for each operation of the document, also for those that come later."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.web.edge import operation_of
from tests.api import openapi
from tests.api.openapi import Document, Json
from tests.support.databases import ON_ONE
from tests.support.factories import as_admin, errors_of

pytestmark = ON_ONE


def operations(client: FlaskClient) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Address, method and keyword arguments of a request by an admin, for each operation."""
    for path, described in openapi.read(client).root["paths"].items():
        address = path
        for parameter in described.get("parameters", []):
            address = address.replace(f"{{{parameter['name']}}}", "7")
        for method in described.keys() - {"parameters"}:
            body = {"json": {}} if "requestBody" in described[method] else {}
            yield address, method, {"headers": as_admin(), **body}


@pytest.mark.parametrize("query", ["no-such=1", "no-such=1&user_id=7&provider=facebook&cursor=x"])
def test_an_unknown_parameter_is_refused(client: FlaskClient, query: str) -> None:
    for address, method, options in operations(client):
        answer = client.open(f"{address}?{query}", method=method, **options)
        assert answer.status_code == 400, (method, address)
        assert errors_of(answer)["no-such"] == "unknown", (method, address)


def test_who_takes_no_json_is_406(client: FlaskClient) -> None:
    for address, method, options in operations(client):
        options["headers"]["Accept"] = "text/html"
        answer = client.open(address, method=method, **options)
        assert answer.status_code == 406, (method, address)


def test_a_bad_token_is_refused_before_anything_is_looked_at(client: FlaskClient) -> None:
    for address, method, options in operations(client):
        options["headers"] = {"Authorization": "Bearer x", "Accept": "text/html"}
        answer = client.open(f"{address}?no-such=1", method=method, **options)
        assert answer.status_code == 401, (method, address)


def test_without_a_token_there_is_the_list_and_nothing_else(client: FlaskClient) -> None:
    for address, method, options in operations(client):
        answer = client.open(address, method=method, **(options | {"headers": {}}))
        is_list = method == "get" and address.endswith("/provider/")
        assert answer.status_code == 401 or is_list, (method, address)


def test_browsers_of_other_origins_may_use_its_method(make_app: Callable[..., Flask]) -> None:
    client = make_app(CORS_ORIGINS="https://a.example").test_client()
    for address, method, _ in operations(client):
        answer = client.options(address, headers={"Origin": "https://a.example"})
        allowed = answer.headers["Access-Control-Allow-Methods"].split(", ")
        assert method.upper() in allowed, (method, address)


def test_the_slash_at_the_end_may_be_left_out(client: FlaskClient) -> None:
    for address, method, options in operations(client):
        assert address.endswith("/")
        statuses = {
            client.open(path, method=method, **options).status_code
            for path in (address, address[:-1])
        }
        assert len(statuses) == 1, (method, address, statuses)
        assert statuses.isdisjoint({404, 405, 500}), (method, address)


def test_every_parameter_of_a_path_has_a_description(client: FlaskClient) -> None:
    for path, described in openapi.read(client).root["paths"].items():
        assert all(parameter["description"] for parameter in described.get("parameters", [])), path


def test_an_operation_s_name_for_log_and_metrics_is_that_of_one_blueprint(app: Flask) -> None:
    blueprints = defaultdict(set)
    for endpoint in app.view_functions:
        blueprints[operation_of(endpoint)].add(endpoint.rpartition(".")[0])
    assert not {name for name, of in blueprints.items() if len(of) > 1}


def parts(document: Document, schema: Json) -> Iterator[Json]:
    """A schema with all that it is made of, but for the values of `metadata`, which has no end."""
    schema = document.whole(schema)
    yield schema
    for name, part in schema.get("properties", {}).items():
        if name != "metadata":
            yield from parts(document, part)
    for part in [*schema.get("oneOf", ()), *filter(None, [schema.get("items")])]:
        yield from parts(document, part)


def test_an_answer_says_what_it_always_holds_and_how_large_its_integers_are(
    client: FlaskClient,
) -> None:
    document = openapi.read(client)
    for path, described in document.root["paths"].items():
        for method in described.keys() - {"parameters"}:
            for status, response in described[method]["responses"].items():
                if status < "300" and "content" in response:
                    for part in parts(document, document.response(path, method, status)):
                        assert part.get("required") or "properties" not in part, (path, part)
                        is_integer = "integer" in (part.get("type") or ())
                        assert not is_integer or part["format"] == "int64", (path, part)
