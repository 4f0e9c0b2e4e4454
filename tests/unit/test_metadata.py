"""How much `metadata` may hold: its size, its depth, its numbers and its characters.

As an object, and as the string holding one that older front ends send.
"""

import json
from typing import Any

import pytest
from marshmallow import ValidationError

from service import strict_json
from service.schemas.associations import CreateSchema
from tests.support.factories import external

SIZE = 16 * 1024
CREATE = CreateSchema()
FORMS = pytest.mark.parametrize("as_string", [False, True], ids=["object", "string"])


def loaded(text: str, *, as_string: bool = False) -> Any:
    """What becomes of this JSON text as metadata, or of a string that holds it."""
    value = text if as_string else strict_json.loads(text)
    return CREATE.load(external(metadata=value))["metadata"]


def code(text: str, *, as_string: bool = False) -> str:
    """The code of the one error that it has, on the field."""
    with pytest.raises(ValidationError) as refused:
        loaded(text, as_string=as_string)
    ((message,),) = refused.value.messages_dict.values()
    assert set(refused.value.messages_dict) == {"metadata"}
    return str(message.code)


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
def test_metadata_of_16_kib_is_accepted(character: str, as_string: bool) -> None:
    metadata = of_size(SIZE, character)
    assert len(compact(metadata).encode()) == SIZE
    assert loaded(compact(metadata), as_string=as_string) == metadata


@FORMS
@CHARACTERS
def test_metadata_of_one_byte_more_is_refused(character: str, as_string: bool) -> None:
    assert code(compact(of_size(SIZE + 1, character)), as_string=as_string) == "max_length"


@FORMS
def test_white_space_and_escapes_do_not_count(as_string: bool) -> None:
    metadata = of_size(SIZE, "\u20ac")
    assert loaded(json.dumps(metadata, indent=64), as_string=as_string) == metadata


def nested(levels: int, kind: str) -> str:
    """Metadata of so many levels; the object itself is the first."""
    value: Any = {} if kind == "objects" else []
    for _ in range(levels - 2):
        value = {"a": value} if kind == "objects" else [value]
    return compact({"a": value})


@FORMS
@pytest.mark.parametrize("kind", ["objects", "arrays"])
def test_metadata_of_32_levels_is_accepted(kind: str, as_string: bool) -> None:
    assert loaded(nested(32, kind), as_string=as_string) == json.loads(nested(32, kind))


@FORMS
@pytest.mark.parametrize("kind", ["objects", "arrays"])
def test_metadata_of_33_levels_is_refused(kind: str, as_string: bool) -> None:
    assert code(nested(33, kind), as_string=as_string) == "invalid"


def test_depth_is_not_the_number_of_brackets() -> None:
    metadata = {"a": [[]] * 100, "b": "[" * 100}
    assert loaded(compact(metadata)) == metadata


@FORMS
@pytest.mark.parametrize(
    "number",
    ["0", "-1", str(2**63 - 1), str(-(2**63)), "1.5", "1e308", "-1e-300", "5e-324", "0.1"],
)
def test_64_bit_integers_and_finite_doubles_are_accepted(number: str, as_string: bool) -> None:
    text = f'{{"a": {number}}}'
    assert loaded(text, as_string=as_string) == json.loads(text)


@FORMS
@pytest.mark.parametrize("place", ['{"a": %s}', '{"a": [[%s]]}', '{"a": {"b": {"c": %s}}}'])
@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**64, 10**300])
def test_larger_integers_are_refused_at_any_depth(number: int, place: str, as_string: bool) -> None:
    assert code(place % number, as_string=as_string) == "invalid"


@pytest.mark.parametrize("place", ['{"a": %s}', '{"a": [[%s]]}', '{"a": {"b": {"c": %s}}}'])
@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity", "9" * 5_000])
def test_other_numbers_are_refused_in_a_string(number: str, place: str) -> None:
    assert code(place % number, as_string=True) == "invalid"


@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan")])
def test_no_double_but_a_finite_one_is_accepted(number: float) -> None:
    with pytest.raises(ValidationError):
        CREATE.load(external(metadata={"a": [number]}))


@FORMS
@pytest.mark.parametrize("place", ['{"%s": 1}', '{"a": "%s"}', '{"a": [{"b%s": []}]}'])
@pytest.mark.parametrize("text", [r"\u0000", r"a\u0000", r"\ud800", r"\udfff\ud800"])
def test_nul_and_lone_surrogates_are_refused_in_any_key_and_string(
    text: str, place: str, as_string: bool
) -> None:
    assert code(place % text, as_string=as_string) == "invalid"


@FORMS
@pytest.mark.parametrize("text", [r"\u0001", r"\ud83d\ude00", r"\uffff", r"\u2028", "</script>"])
def test_other_characters_are_accepted_in_keys_and_strings(text: str, as_string: bool) -> None:
    written = f'{{"{text}": "{text}"}}'
    assert loaded(written, as_string=as_string) == json.loads(written)


@pytest.mark.parametrize("value", [[], [{}], 1, 0, 1.5, True, False])
def test_what_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(ValidationError, match="metadata"):
        CREATE.load(external(metadata=value))


@pytest.mark.parametrize(
    "text",
    ["", " ", "x", "{", "[]", "1", "true", "null", '"x"', '"{}"', "{}x", "{}{}", "{'a': 1}",
     "\ufeff{}", '{"a": 1, "a": 1}', '{"b": {"a": 1, "a": 2}}', '{"a": [{"b": 1, "b": 2}]}',
     "[" * 30_000, '{"a": ' + "[" * 8_000 + "]" * 8_000 + "}"],
)  # fmt: skip
def test_a_string_that_holds_no_object_is_refused(text: str) -> None:
    assert code(text, as_string=True) == "invalid"


@pytest.mark.parametrize(
    "text",
    ["{}", '{"a": 1}', ' \n{"a" : [1, 2.5, "x", null, true]}\t', r'{"\u00e9": "\ud83d\ude00"}',
     '{"a": "{}"}'],
)  # fmt: skip
def test_a_string_that_holds_an_object_is_that_object(text: str) -> None:
    assert loaded(text, as_string=True) == json.loads(text)
