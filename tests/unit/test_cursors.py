"""Cursors: what goes out comes back, and nothing else is taken."""

import base64
import json
import sys

import pytest

from service.schemas.cursors import decode, encode

ASKED = {"provider": "facebook", "created_by": None}


@pytest.mark.parametrize(
    "position", [["facebook", "fb-1"], ["x", 'é😀"\\'], ["a", ""], ["????", ">>>>"]]
)
def test_a_cursor_comes_back_as_it_went_out(position: list[str]) -> None:
    assert decode(encode(position, ASKED), ASKED, str, str) == position


def test_it_is_safe_in_a_query() -> None:
    cursor = encode(["????", ">>>>"], ASKED)
    assert {"-", "_"} <= set(cursor)
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_a_cursor_of_another_question_is_none() -> None:
    with pytest.raises(ValueError, match="another question"):
        decode(encode(["a", "b"], ASKED), ASKED | {"created_by": 7}, str, str)


def test_an_altered_cursor_is_none() -> None:
    cursor = encode(["a", "b"], ASKED)
    digest, *_ = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    compact = json.dumps([digest, "a", "b"], separators=(",", ":")).encode()
    assert base64.urlsafe_b64encode(compact).decode().rstrip("=") == cursor
    for other in (of([digest, "a", "c"]), of([digest, "a", "b"]), cursor + "=", cursor + "=="):
        with pytest.raises(ValueError, match=r"altered|padding|Excess"):
            decode(other, ASKED, str, str)


def test_another_kind_of_position_is_none() -> None:
    with pytest.raises(ValueError, match="another kind"):
        decode(encode(["a", "b"], ASKED), ASKED, int)


def of(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    ["", "x", "é", "%00", "a b", "====", "bnVsbA", of(None), of([]), of(7), of({}), of("ab"),
     of([["a"]]), of([True, 1]), "W" * 4000, "W1tb" * 2000, "/+/+"],
)  # fmt: skip
def test_what_is_no_cursor_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whichever
        decode(text, ASKED, str, str)


def test_however_deep_it_goes_it_is_a_value_error() -> None:
    # Near the end of the stack there are depths that can be read and not be written again.
    for depth in range(sys.getrecursionlimit()):
        nested = f"[0,{'[' * depth}{']' * depth}]".encode()
        with pytest.raises(ValueError):  # noqa: PT011 - whichever
            decode(base64.urlsafe_b64encode(nested).decode().rstrip("="), ASKED, str)


@pytest.mark.parametrize("part", [2**63, "a\0", "\ud800"])
def test_what_no_database_keeps_is_no_position(part: object) -> None:
    with pytest.raises(ValueError, match="another kind"):
        decode(encode([part], ASKED), ASKED, type(part))
