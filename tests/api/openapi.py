"""How tests find their way in the published OpenAPI document."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

Json = dict[str, Any]
ADDRESS = "/api/v2/openapi.json"
FIRST, SECOND = "/api/v2/user/provider/", "/api/v2/user/{user_id}/provider/"
PROBLEM = "application/problem+json"


def fields(node: Any, name: str = "") -> Iterator[tuple[str, Json]]:
    """Every property of every schema below a node, with a name that says where."""
    if isinstance(node, list):
        for number, part in enumerate(node):
            yield from fields(part, f"{name}/{number}")
    elif isinstance(node, dict):
        for key, part in node.items():
            if key == "properties":
                yield from ((f"{name}/{field}", schema) for field, schema in part.items())
            if key not in {"example", "examples", "default", "const", "enum"}:
                yield from fields(part, f"{name}/{key}")


@dataclass
class Document:
    root: Json

    def whole(self, node: Json) -> Json:
        """A node with what it refers to."""
        found = dict(node)
        while "$ref" in found:
            target: Any = self.root
            for name in found.pop("$ref").removeprefix("#/").split("/"):
                target = target[name.replace("~1", "/").replace("~0", "~")]
            found = target | found
        return found

    def operation(self, path: str, method: str) -> Json:
        found: Json = self.root["paths"][path][method]
        return found

    def parameters(self, path: str, method: str) -> list[Json]:
        of_path = self.root["paths"][path].get("parameters", [])
        of_method = self.operation(path, method).get("parameters", [])
        return [self.whole(one) for one in of_path + of_method]

    def content(self, holder: Json, media_type: str = "application/json") -> Json:
        found: Json = self.whole(holder)["content"][media_type]
        return found

    def body(self, path: str, method: str) -> Json:
        return self.content(self.operation(path, method)["requestBody"])

    def response(self, path: str, method: str, status: str) -> Json:
        """The schema of a success."""
        found = self.content(self.operation(path, method)["responses"][status])["schema"]
        return self.whole(found)

    def accepts(self, schema: Json, value: object) -> bool:
        """Whether a schema of the document admits a value."""
        whole = schema | {"components": self.root["components"]}
        return bool(Draft202012Validator(whole).is_valid(value))

    def branches(self, schema: Json) -> list[Json]:
        """The alternatives of a schema, each with the properties of all its parts."""
        schema = self.whole(schema)
        properties = dict(schema.get("properties", {}))
        for part in schema.get("allOf", []):
            properties |= self.whole(part).get("properties", {})
        options = schema.get("oneOf") or schema.get("anyOf") or []
        leaves = [leaf for option in options for leaf in self.branches(option)]
        return [leaf | {"properties": properties | leaf["properties"]} for leaf in leaves] or [
            schema | {"properties": properties}
        ]

    def examples(self, media: Json) -> list[Json]:
        """The bodies that are shown: whole ones, or one put together for each branch."""
        if "examples" in media:
            return [self.whole(one)["value"] for one in media["examples"].values()]
        if "example" in media:
            return [media["example"]]
        found = []
        for branch in self.branches(media["schema"]):
            parts = {name: self.whole(part) for name, part in branch["properties"].items()}
            made = {name: self.example(part) for name, part in parts.items()}
            found += branch.get("examples", [branch.get("example", made)])
        return found

    def example(self, field: Json) -> Any:
        return field["example"] if "example" in field else field["examples"][0]


def read(client: FlaskClient) -> Document:
    root: Json = client.get(ADDRESS).get_json()
    return Document(root)
