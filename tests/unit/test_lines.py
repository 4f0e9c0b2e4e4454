"""Files as fields: JSON lines, and CSV as spreadsheets write it."""

import io
from typing import Any

import pytest

from service.commands.lines import LONGEST, Line, Source, Unusable, json_lines
from service.commands.records import csv_lines

KNOWN = ("user_id", "provider", "ext_id", "profile_url", "show_in_profile", "metadata")
REQUIRED = KNOWN[:3]
HEAD = b"user_id,provider,ext_id\n"


def source(content: bytes) -> Source:
    return Source(io.BytesIO(content))


def of_json(content: bytes) -> list[tuple[int, Any]]:
    return [seen(line) for line in json_lines(source(content))]


def of_csv(content: bytes) -> list[tuple[int, Any]]:
    return [seen(line) for line in csv_lines(source(content), KNOWN, REQUIRED)]


def seen(line: Line) -> tuple[int, Any]:
    return line.number, line.fields if line.refusal is None else line.refusal.code


def message(content: bytes) -> str:
    (line,) = json_lines(source(content))
    assert line.refusal is not None
    return line.refusal.message


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": 1}\n{"b": 2}',
        b'{"a": 1}\r\n{"b": 2}\r\n',
        b'\xef\xbb\xbf{"a": 1}\n{"b": 2}\n',
    ],
)
def test_json_lines(content: bytes) -> None:
    assert of_json(content) == [(1, {"a": 1}), (2, {"b": 2})]


def test_empty_lines_are_skipped_and_counted() -> None:
    assert of_json(b'\n \t\r\n{"a": 1}\n\n') == [(3, {"a": 1})]
    assert of_csv(HEAD + b"\n,,\n7,a,b\n") == [(4, dict(zip(REQUIRED, "7ab", strict=True)))]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"[]", "invalid"),
        (b"7", "invalid"),
        (b"{", "parse_error"),
        (b'{"a": NaN}', "parse_error"),
        (b'{"a": 1, "a": 2}', "parse_error"),
        (b'{"a": "\xff"}', "parse_error"),
        (b"[" * 60_000, "parse_error"),
        (b"{" + b" " * LONGEST, "too_large"),
        (b"{" + b" " * 5 * LONGEST, "too_large"),
    ],
)
def test_what_is_wrong_with_a_line_is_wrong_with_that_line(content: bytes, code: str) -> None:
    assert of_json(content + b"\n{}\n") == [(1, code), (2, {})]


def test_the_longest_line_is_read() -> None:
    assert of_json(b"{" + b" " * (LONGEST - 2) + b"}\n{}") == [(1, {}), (2, {})]


def test_a_message_says_where_in_the_line() -> None:
    assert message(b'{"a" 1}') == "The line is not well-formed JSON: Expecting ':' delimiter at 6."


def test_a_pipe_has_no_size() -> None:
    assert source(b"").size() is None


def test_the_position_is_that_of_the_bytes() -> None:
    read = source(b"{}\n" + b"x" * 3 * LONGEST + b"\n{}")
    assert len(list(read)) == 3
    assert read.position == 3 * LONGEST + 6


@pytest.mark.parametrize(
    "content",
    [
        b"user_id,provider,ext_id,show_in_profile\n7,a,b,true\n",
        b"\xef\xbb\xbfuser_id,provider,ext_id,show_in_profile\r\n7,a,b,TRUE\r\n",
        b'"user_id","provider","ext_id","show_in_profile"\n"7","a","b","True"',
        b"show_in_profile, ext_id ,provider,user_id,,\ntrue,b,a,7,,\n",
    ],
)
def test_csv_as_spreadsheets_write_it(content: bytes) -> None:
    expected = {"user_id": "7", "provider": "a", "ext_id": "b", "show_in_profile": True}
    assert of_csv(content) == [(2, expected)]


def test_an_empty_cell_is_a_field_left_out() -> None:
    content = b"user_id,provider,ext_id,metadata,profile_url\n7,a,,,\n8,a,b\n"
    assert of_csv(content) == [
        (2, {"user_id": "7", "provider": "a"}),
        (3, {"user_id": "8", "provider": "a", "ext_id": "b"}),
    ]


def test_what_is_no_boolean_is_left_to_the_schema() -> None:
    content = b"user_id,provider,ext_id,show_in_profile\n7,a,b,yes\n"
    assert of_csv(content)[0][1]["show_in_profile"] == "yes"


def test_a_quoted_cell_may_hold_commas_quotes_and_line_ends() -> None:
    content = b'user_id,provider,ext_id,metadata\n7,a,b,"{""k"":\n [1, 2]}"\n8,a,c,\n'
    assert of_csv(content) == [
        (2, {"user_id": "7", "provider": "a", "ext_id": "b", "metadata": '{"k":\n [1, 2]}'}),
        (4, {"user_id": "8", "provider": "a", "ext_id": "c"}),
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'7,a,"b"x', "parse_error"),
        (b"7,a,\xff", "parse_error"),
        (b"7,a,b,c", "parse_error"),
        (b"7,a," + b"b" * LONGEST, "too_large"),
    ],
)
def test_what_is_wrong_with_a_record_is_wrong_with_that_record(line: bytes, code: str) -> None:
    good = dict(zip(REQUIRED, "7ab", strict=True))
    assert of_csv(HEAD + line + b"\n7,a,b\n") == [(2, code), (3, good)]


GOOD = dict(zip(REQUIRED, "7ab", strict=True))


@pytest.mark.parametrize("count", [2, LONGEST])
def test_a_quote_that_is_never_closed_is_refused_alone(count: int) -> None:
    found = of_csv(HEAD + b'7,a,"b\n' + b"7,a,b\n" * count)
    assert found == [(2, "parse_error"), *((number, GOOD) for number in range(3, count + 3))]


@pytest.mark.parametrize(
    ("between", "codes"),
    [
        (b"7,a,b\n7,a,b\n", [GOOD, GOOD]),
        (b"7,a,b\n\xff\n7,a,b\n", [GOOD, "parse_error", GOOD]),
        (b"x" * (LONGEST + 9) + b"\n", ["too_large"]),
    ],
)
def test_no_line_between_two_missing_quotes_is_lost(between: bytes, codes: list[Any]) -> None:
    found = of_csv(HEAD + b'7,a,"b\n' + between + b'7,a,b"\n7,a,b\n')
    expected: list[Any] = ["parse_error", *codes, {**GOOD, "ext_id": 'b"'}, GOOD]
    assert found == list(enumerate(expected, 2))


def test_only_metadata_goes_over_several_lines_and_not_under_no_name() -> None:
    found = of_csv(HEAD + b'7,a,b,"\n7,a,b\n7,a,b"\n7,a,b\n')
    assert found == [(2, "parse_error"), (3, GOOD), (4, {**GOOD, "ext_id": 'b"'}), (5, GOOD)]


def test_a_record_of_many_cells_is_as_short_as_a_line() -> None:
    head = b"user_id,provider,ext_id,metadata,profile_url\n"
    half = b"x" * (LONGEST // 2)
    found = of_csv(head + b'7,a,b,"' + half + b'\n",' + half + b"\n7,a,b\n")
    assert found[0] == (2, "parse_error")
    assert found[-1] == (4, GOOD)


def test_what_is_no_blank_is_no_empty_line() -> None:
    for text in ("\u00a0", "\u2028", "\f"):
        assert of_json(f"{text}\n".encode()) == [(1, "parse_error")]
        assert of_csv(HEAD + f"{text}\n".encode()) == [(2, {"user_id": text})]
    assert of_csv(HEAD + b" \t \n7,a,b\n") == [(3, GOOD)]


def test_a_byte_order_mark_makes_the_first_line_no_longer() -> None:
    longest = b"{" + b" " * (LONGEST - 2) + b"}\n"
    assert of_json(b"\xef\xbb\xbf" + longest + b"{}") == [(1, {}), (2, {})]
    assert of_json(b"\xef\xbb\xbf" + b" " + longest + b"{}") == [(1, "too_large"), (2, {})]


def test_a_cell_under_no_name_is_refused() -> None:
    assert of_csv(b"user_id,,provider,ext_id\n7,x,a,b\n") == [(2, "parse_error")]


@pytest.mark.parametrize(
    "head",
    [b"", b"7,a,b\n", b"user_id;provider;ext_id\n", b"user_id,provider\n", b'"\n']
    + [HEAD.replace(b"\n", more) for more in (b",ext_id\n", b",motto\n")],
)
def test_a_file_without_its_names_is_unusable(head: bytes) -> None:
    with pytest.raises(Unusable) as error:
        of_csv(head + b"7,a,b\n")
    assert str(error.value) == (
        "The first line must name the columns, in UTF-8, separated by commas, each once: ext_id, "
        "provider, user_id; it may name metadata, profile_url, show_in_profile."
    )
