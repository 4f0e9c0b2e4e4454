"""How much `metadata` may hold: its size, its depth, its numbers and its characters."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.api import problems
from tests.support.factories import PATH, as_user, errors_of, external

SIZE = 16 * 1024
FORMS = pytest.mark.parametrize("as_string", [False, True], ids=["object", "string"])


def create(client: FlaskClient, metadata: str, *, as_string: bool = False) -> TestResponse:
    """Create with this JSON text as metadata, or with a string that holds it."""
    literal = json.dumps(metadata) if as_string else metadata
    body = json.dumps(external(metadata="@")).replace('"@"', literal)
    return client.post(PATH, data=body, content_type="application/json", headers=as_user(7))


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def of_size(size: int, character: str) -> dict[str, str]:
    """Metadata that as compact JSON has this size in bytes, filled with a character."""
    room = size - len(compact({"k": ""}))
    each = len(compact(character).encode()) - 2
    return {"k": character * (room // each) + "x" * (room % each)}


CHARACTERS = pytest.mark.parametrize(
    "character", ["x", "\u00e9", "\u20ac", "\U0001f600", '"', "\\", "\n"]
)


@FORMS
@CHARACTERS
def test_metadata_of_16_kib_is_accepted(
    client: FlaskClient, character: str, as_string: bool
) -> None:
    metadata = of_size(SIZE, character)
    assert len(compact(metadata).encode()) == SIZE
    response = create(client, compact(metadata), as_string=as_string)
    assert response.status_code == 201
    assert response.get_json()["metadata"] == metadata


@FORMS
@CHARACTERS
def test_metadata_of_one_byte_more_is_refused(
    client: FlaskClient, character: str, as_string: bool
) -> None:
    response = create(client, compact(of_size(SIZE + 1, character)), as_string=as_string)
    problems.check(response, 400)
    assert set(errors_of(response)) == {"metadata"}


@FORMS
def test_white_space_and_escapes_do_not_count(client: FlaskClient, as_string: bool) -> None:
    metadata = json.dumps(of_size(SIZE, "\u20ac"), indent=64)
    assert create(client, metadata, as_string=as_string).status_code == 201


def nested(levels: int, kind: str) -> str:
    """Metadata of so many levels; the object itself is the first."""
    value: Any = {} if kind == "objects" else []
    for _ in range(levels - 2):
        value = {"a": value} if kind == "objects" else [value]
    return compact({"a": value})


@FORMS
@pytest.mark.parametrize("kind", ["objects", "arrays"])
def test_metadata_of_32_levels_is_accepted(client: FlaskClient, kind: str, as_string: bool) -> None:
    response = create(client, nested(32, kind), as_string=as_string)
    assert response.status_code == 201
    assert response.get_json()["metadata"] == json.loads(nested(32, kind))


@FORMS
@pytest.mark.parametrize("kind", ["objects", "arrays"])
def test_metadata_of_33_levels_is_refused(client: FlaskClient, kind: str, as_string: bool) -> None:
    response = create(client, nested(33, kind), as_string=as_string)
    problems.check(response, 400)
    assert set(errors_of(response)) == {"metadata"}


def test_depth_is_not_the_number_of_brackets(client: FlaskClient) -> None:
    assert create(client, compact({"a": [[]] * 100, "b": "[" * 100})).status_code == 201


@FORMS
@pytest.mark.parametrize(
    "number",
    ["0", "-1", str(2**63 - 1), str(-(2**63)), "1.5", "1e308", "-1e-300", "5e-324", "0.1"],
)
def test_64_bit_integers_and_finite_doubles_come_back_unchanged(
    client: FlaskClient, number: str, as_string: bool
) -> None:
    response = create(client, f'{{"a": {number}}}', as_string=as_string)
    assert response.status_code == 201
    assert response.get_json()["metadata"] == json.loads(f'{{"a": {number}}}')


@FORMS
@pytest.mark.parametrize("place", ['{"a": %s}', '{"a": [[%s]]}', '{"a": {"b": {"c": %s}}}'])
@pytest.mark.parametrize("number", [str(2**63), str(-(2**63) - 1), str(2**64), "1e400", "-1e400"])
def test_other_numbers_are_refused_at_any_depth(
    client: FlaskClient, number: str, place: str, as_string: bool
) -> None:
    problems.check(create(client, place % number, as_string=as_string), 400)


@FORMS
@pytest.mark.parametrize("place", ['{"%s": 1}', '{"a": "%s"}', '{"a": [{"b%s": []}]}'])
@pytest.mark.parametrize("text", [r"\u0000", r"a\u0000", r"\ud800", r"\udfff\ud800"])
def test_nul_and_lone_surrogates_are_refused_in_any_key_and_string(
    client: FlaskClient, text: str, place: str, as_string: bool
) -> None:
    response = create(client, place % text, as_string=as_string)
    problems.check(response, 400)
    assert set(errors_of(response)) == {"metadata"}


@pytest.mark.parametrize("text", [r"\u0001", r"\ud83d\ude00", r"\uffff", r"\u2028", "</script>"])
def test_other_characters_come_back_unchanged(client: FlaskClient, text: str) -> None:
    response = create(client, f'{{"{text}": "{text}"}}')
    assert response.get_json()["metadata"] == json.loads(f'{{"{text}": "{text}"}}')


@pytest.mark.parametrize(
    "text", ["", " ", "{", "[]", "1", "true", "null", '"x"', '"{}"', "{}x", "{'a': 1}", "\ufeff{}"]
)
def test_a_string_that_holds_no_object_is_refused(client: FlaskClient, text: str) -> None:
    response = create(client, text, as_string=True)
    problems.check(response, 400)
