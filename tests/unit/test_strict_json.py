"""JSON as RFC 8259 has it, and nothing that Python's own reader takes besides."""

from typing import Any

import pytest

from service.strict_json import dumps, loads

GOOD: dict[str, Any] = {
    "{}": {},
    "[]": [],
    " \t\r\n{} \t\r\n": {},
    "null": None,
    "true": True,
    "-0": 0,
    "-0.0": -0.0,
    "1e300": 1e300,
    "1.5E-3": 0.0015,
    "9223372036854775808": 2**63,
    '"\\u00e9\\ud83d\\ude00"': "é😀",
    '"é😀"': "é😀",
    '"\\/\\b\\f\\n\\r\\t\\"\\\\"': '/\b\f\n\r\t"\\',
    '"\u2028\u007f"': "\u2028\u007f",
    '"\\ud800"': "\ud800",  # a lone surrogate is the fields' matter
    '{"a": {"a": [{"a": 1}, {"a": 2}]}, "A": 3}': {"a": {"a": [{"a": 1}, {"a": 2}]}, "A": 3},
}
BAD = [
    "",
    " ",
    "{",
    "}",
    "[1,]",
    '{"a": 1,}',
    '{"a" 1}',
    "{a: 1}",
    "{'a': 1}",
    "{1: 1}",
    "{} {}",
    "{}x",
    "nul",
    "NaN",
    "Infinity",
    "-Infinity",
    '{"a": [NaN]}',
    "01",
    "+1",
    "1.",
    ".5",
    "0x10",
    "1_000",
    "\u0661",
    '"\n"',
    '"\t"',
    '"\0"',
    '"\\x"',
    '"\\u12"',
    '"\\u 123"',
    '"',
    "\ufeff{}",
    "\u00a0{}",
    "// comment\n{}",
    '{"a": 1, "a": 1}',
    '{"a": 1, "\\u0061": 2}',
    '{"": 1, "": 2}',
    '[{"b": {"a": 1, "a": 2}}]',
]


@pytest.mark.parametrize(("text", "value"), GOOD.items(), ids=map(ascii, GOOD))
def test_json_is_read(text: str, value: object) -> None:
    assert repr(loads(text)) == repr(value)


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_json_or_has_a_key_twice_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its text is for people
        loads(text)


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_what_is_nested_too_deeply_is_refused(opening: str, closing: str) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        loads(opening * 100_000 + "1" + closing * 100_000)


def test_an_integer_of_thousands_of_digits_is_refused() -> None:
    # In words for the client: Python's own name a function to call.
    with pytest.raises(ValueError, match=r"^an integer has thousands of digits$"):
        loads("9" * 5000)


def test_a_refusal_does_not_repeat_the_text() -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - that is the claim
        loads('{"hunter2": 1, "hunter2": 2}')
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, 2.5, True, None]}, '{"a":[1,2.5,true,null]}'),
        ("é😀", '"é😀"'),
        ('"\n', '"\\"\\n"'),
        (2**63 - 1, "9223372036854775807"),
        (1e300, "1e+300"),
    ],
)
def test_json_is_written_compact_and_not_escaped(value: object, text: str) -> None:
    assert dumps(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_what_json_lacks_is_not_written(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        dumps(value)


@pytest.mark.parametrize("value", list(GOOD.values()), ids=map(ascii, GOOD))
def test_what_is_written_reads_the_same(value: object) -> None:
    assert repr(loads(dumps(value))) == repr(value)
