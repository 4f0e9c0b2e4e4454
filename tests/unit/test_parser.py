"""What a body and a query may be before a schema sees their fields: the parser, without HTTP."""

import json
from typing import Any

import pytest
from flask import Request
from marshmallow import Schema
from werkzeug.test import EnvironBuilder

from service.schemas.associations import ChangeSchema, PairSchema, QuerySchema
from service.schemas.messages import Message
from service.web.errors import Problem
from service.web.parser import StrictParser, entries_of
from tests.support.factories import PATH, external, facebook

JSON = "application/json"
GOOD = facebook(show_in_profile=True)
TEXT = json.dumps(GOOD)
# Where a body is read: by the changes, and by DELETE, which may have a query instead.
BODIES = pytest.mark.parametrize(
    ("location", "schema"),
    [("json", ChangeSchema()), ("json_or_query", PairSchema())],
    ids=["body", "body or query"],
)


def parsed(location: str, schema: Schema, **request: Any) -> Any:
    """What the parser makes of a request with these parts (those of `EnvironBuilder`)."""
    environ = EnvironBuilder(path=PATH, **request).get_environ()
    return StrictParser().parse(schema, Request(environ), location=location)


def refusal(location: str, schema: Schema, **request: Any) -> tuple[int | None, set[Any]]:
    """The status that a request is refused with, and its codes and fields."""
    with pytest.raises(Problem) as refused:
        parsed(location, schema, **request)
    return refused.value.code, {(entry.code, entry.field) for entry in refused.value.entries}


def of_body(
    location: str, schema: Schema, data: str | bytes, content_type: str | None = JSON
) -> tuple[int | None, set[Any]]:
    return refusal(location, schema, method="POST", data=data, content_type=content_type)


def of_query(query: str, location: str = "query") -> tuple[int | None, set[Any]]:
    schema = QuerySchema() if location == "query" else PairSchema()
    return refusal(location, schema, query_string=query)


def body_of(field: str, literal: str) -> str:
    """A good body in which one field is this literal text, be it JSON or not."""
    good = external() if field == "metadata" else GOOD
    return json.dumps(good | {field: "@"}).replace('"@"', literal)


@BODIES
def test_a_good_body_is_read(location: str, schema: Schema) -> None:
    found = parsed(location, schema, method="POST", data=TEXT, content_type=JSON)
    assert (found["user_id"], found["provider"], found["ext_id"]) == (7, "facebook", "fb-1")


MALFORMED = {
    "cut short": TEXT[:-1].encode(),
    "followed by garbage": TEXT.encode() + b"x",
    "two documents": TEXT.encode() * 2,
    "trailing comma": TEXT.replace("}", ",}").encode(),
    "single quotes": TEXT.replace('"', "'").encode(),
    "a comment": TEXT.encode() + b"// hello",
    "a form": b"user_id=7&provider=facebook&ext_id=fb-1",
    "white space": b" \n",
    "NaN": body_of("user_id", "NaN").encode(),
    "Infinity": body_of("metadata", '{"a": Infinity}').encode(),
    "-Infinity": body_of("metadata", '{"a": -Infinity}').encode(),
    "a raw NUL in a string": body_of("ext_id", '"a\0b"').encode(),
    "a raw NUL at the end": TEXT.encode() + b"\0",
    "a raw line break in a string": body_of("ext_id", '"a\nb"').encode(),
    "an unknown escape": body_of("ext_id", r'"a\x41"').encode(),
    "a leading zero": body_of("user_id", "07").encode(),
    "byte-order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "UTF-16": TEXT.encode("utf-16"),
    "UTF-16 without a mark": TEXT.encode("utf-16-le"),
    "UTF-32": TEXT.encode("utf-32"),
    "UTF-32 without a mark": TEXT.encode("utf-32-be"),
    "latin-1": body_of("ext_id", '"\u00e9"').encode("latin-1"),
    "an overlong NUL": b'{"ext_id": "\xc0\x80"}',
    "a surrogate as bytes": b'{"ext_id": "\xed\xa0\x80"}',
    "a field twice": TEXT.replace("{", '{"ext_id": "fb-1", ', 1).encode(),
    "a field twice, in other letters": TEXT.replace("{", '{"\\u0065xt_id": "x", ', 1).encode(),
    "an unknown field twice": TEXT.replace("{", '{"x": 1, "x": 1, ', 1).encode(),
    "a key twice in metadata": body_of("metadata", '{"a": 1, "a": 1}').encode(),
    "a key twice deep in metadata": body_of(
        "metadata", '{"a": {"b": [{"c": 1, "d": 2, "c": 3}]}}'
    ).encode(),
}


@BODIES
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_json_is_refused(location: str, schema: Schema, body: bytes) -> None:
    assert of_body(location, schema, body) == (400, {("parse_error", None)})


@BODIES
@pytest.mark.parametrize("body", ["[]", "[{}]", f"[{TEXT}]", "1", "1.5", '"x"', "null", "true"])
def test_a_body_that_is_no_object_is_refused(location: str, schema: Schema, body: str) -> None:
    assert of_body(location, schema, body) == (400, {("invalid", None)})


def test_the_same_key_in_two_objects_is_no_duplicate() -> None:
    body = json.dumps(external(metadata={"a": {"b": 1}, "b": [{"b": 2}, {"b": 3}]}))
    assert parsed("json", ChangeSchema(), method="POST", data=body, content_type=JSON)


@BODIES
@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "text/json", "json", "application/jsonx",
     "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
     "application/octet-stream", "application/json; charset=latin-1",
     "application/json; charset=utf-16", "application/json; charset=us-ascii",
     "application/json; charset=nonsense", None],
)  # fmt: skip
def test_any_other_media_type_is_refused(
    location: str, schema: Schema, content_type: str | None
) -> None:
    found = of_body(location, schema, TEXT, content_type)
    assert found == (400, {("unsupported_media_type", None)})


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", "application/json; charset=utf-8",
     "application/json;charset=UTF-8", 'application/json; charset="utf-8"',
     "application/json; Charset=utf-8"],
)  # fmt: skip
def test_json_in_utf_8_is_the_right_media_type(content_type: str) -> None:
    sent = {"method": "POST", "data": TEXT, "content_type": content_type}
    assert parsed("json", ChangeSchema(), **sent)["ext_id"] == "fb-1"


@pytest.mark.parametrize("field", ["provider", "ext_id", "profile_url"])
@pytest.mark.parametrize("text", [r"a\u0000b", r"a\ud800b", r"\udc00", r"a\udfff\ud800b"])
def test_a_nul_or_lone_surrogate_in_a_field_is_refused(field: str, text: str) -> None:
    found = of_body("json", ChangeSchema(), body_of(field, f'"{text}"'))
    assert found == (400, {("invalid", field)})


@pytest.mark.parametrize(
    ("written", "read"),
    [(r'"\u00e9 \ud83d\ude00"', "\u00e9 \U0001f600"), ('"\u00e9 \U0001f600"', "\u00e9 \U0001f600")],
    ids=["escaped", "as it is"],
)  # fmt: skip
def test_text_is_read_in_either_spelling(written: str, read: str) -> None:
    sent = {"method": "POST", "data": body_of("ext_id", written), "content_type": JSON}
    assert parsed("json", ChangeSchema(), **sent)["ext_id"] == read


PAIR = "provider=facebook&ext_id=fb-1"


@pytest.mark.parametrize(
    ("query", "name"),
    [("limit=5", "limit"), (f"{PAIR}&x=1", "x"), ("User_id=7", "User_id"),
     ("user_id[]=7", "user_id[]"), ("user_id%00=7", "user_id\0"), ("_=1700000000", "_"),
     ("x", "x"), ("x=", "x"), ("=7", ""), ("user_id=7&show_in_profile=true", "show_in_profile"),
     ("user_id=7&;x=1", ";x")],
)  # fmt: skip
@pytest.mark.parametrize("location", ["query", "json_or_query"])
def test_an_unknown_parameter_is_refused_by_its_name(location: str, query: str, name: str) -> None:
    status, found = of_query(query, location)
    assert (status, ("unknown", name) in found) == (400, True)


@pytest.mark.parametrize(
    ("query", "name"),
    [("user_id=7&user_id=7", "user_id"), ("user_id=7&user_id=8", "user_id"),
     ("user_id=&user_id=7", "user_id"), ("user_id=7&user%5Fid=7", "user_id"),
     (f"{PAIR}&ext_id=fb-2", "ext_id"), (f"{PAIR}&provider=facebook", "provider")],
)  # fmt: skip
@pytest.mark.parametrize("location", ["query", "json_or_query"])
def test_a_repeated_parameter_is_refused_by_its_name(location: str, query: str, name: str) -> None:
    status, found = of_query(query, location)
    assert (status, ("repeated", name) in found) == (400, True)


def test_a_repeated_parameter_hides_no_other_error() -> None:
    assert of_query("user_id=x&ext_id=a&ext_id=b&provider=P&z=1") == (
        400,
        {("invalid", "user_id"), ("repeated", "ext_id"), ("invalid", "provider"), ("unknown", "z")},
    )


def test_what_may_be_found_in_any_order_is_listed_by_name() -> None:
    repeated, unknown = Message("repeated", "Once."), Message("unknown", "No.")
    found = {"c": [unknown], "b": [repeated], "a": [unknown], "user_id": [Message("invalid", "!")]}
    assert [entry.field for entry in entries_of(found)] == ["user_id", "a", "b", "c"]


@BODIES
def test_a_query_beside_a_body_hides_none_of_its_errors(location: str, schema: Schema) -> None:
    body = json.dumps(GOOD | {"ext_id": ""})
    assert refusal(
        location, schema, method="POST", data=body, content_type=JSON, query_string="x=1"
    ) == (400, {("unknown", "x"), ("invalid", "ext_id")})


def test_unknown_fields_are_named_in_their_order() -> None:
    with pytest.raises(Problem) as refused:
        parsed("query", QuerySchema(), query_string="user_id=0&c=1&a=1&d=1&b=1")
    assert [entry.field for entry in refused.value.entries] == ["user_id", "a", "b", "c", "d"]


@pytest.mark.parametrize(
    "user_id",
    ["", "0", "-1", "07", "%2B7", "+7", "7+", "7%0A", "7%00", "7.0", "7e0", "0x7", "1_0", "true",
     "null", "undefined", "me", "7,8", "%D9%A7", "%EF%BC%97", str(2**63), str(2**64 + 7),
     pytest.param("9" * 5_000, id="5,000 digits")],
)  # fmt: skip
def test_a_user_id_that_is_no_canonical_decimal_is_refused(user_id: str) -> None:
    assert of_query(f"user_id={user_id}") == (400, {("invalid", "user_id")})


@pytest.mark.parametrize(
    "provider",
    ["", "Facebook", "face+book", "-facebook", "facebook_", "face%00book", "%C3%A9", "a" * 65],
)
def test_a_provider_that_breaks_its_rule_is_refused(provider: str) -> None:
    assert of_query(f"provider={provider}&ext_id=x") == (400, {("invalid", "provider")})


@pytest.mark.parametrize(
    "ext_id", ["", "+x", "x+", "%0A", "a%00b", "a%0Ab", "%C2%A0x", "a%E2%80%8Bb"]
)
def test_an_ext_id_that_breaks_its_rule_is_refused(ext_id: str) -> None:
    assert of_query(f"provider=facebook&ext_id={ext_id}") == (400, {("invalid", "ext_id")})


@pytest.mark.parametrize(
    "encoded",
    ["%FF", "a%E9", "%C0%80", "%ED%A0%80", "%F5%80%80", "%", "%4", "%zz", "%u0041", "%%41"],
)
@pytest.mark.parametrize(
    "query", ["user_id={}", "provider={}&ext_id=x", "provider=x&ext_id={}", "{}=1"]
)
@pytest.mark.parametrize("location", ["query", "json_or_query"])
def test_what_is_not_percent_encoded_utf_8_is_refused(
    location: str, query: str, encoded: str
) -> None:
    assert of_query(query.format(encoded), location) == (400, {("parse_error", None)})


@pytest.mark.parametrize(
    ("encoded", "read"),
    [("fb%2F1%3F", "fb/1?"), ("a+b", "a b"), ("a%20b", "a b"), ("a%2Bb", "a+b"),
     ("%F0%9F%98%80", "\U0001f600")],
)  # fmt: skip
def test_a_percent_encoded_ext_id_is_read(encoded: str, read: str) -> None:
    query = f"provider=facebook&ext_id={encoded}"
    assert parsed("query", QuerySchema(), query_string=query)["ext_id"] == read


@pytest.mark.parametrize("given", ["provider=facebook", "ext_id=fb-1"])
def test_half_a_pair_is_refused(given: str) -> None:
    missing = {"provider", "ext_id"} - {given.partition("=")[0]}
    assert of_query(given) == (400, {("required", missing.pop())})


@pytest.mark.parametrize(
    "accept", ["text/html", "text/*", "application/xml", "application/json;q=0", "*/*;q=0"]
)
def test_accept_is_looked_at_before_the_body(accept: str) -> None:
    sent = {"method": "POST", "data": "{", "headers": {"Accept": accept}}
    assert refusal("json", ChangeSchema(), **sent)[0] == 406


@pytest.mark.parametrize("length", [64 * 1024 + 1, 10 * 64 * 1024])
def test_size_is_looked_at_before_the_media_type(length: int) -> None:
    assert of_body("json", ChangeSchema(), b" " * length, "text/plain")[0] == 413


def unknown(count: int) -> dict[str, Any]:
    return {f"x{number}": number for number in range(count)}


FIRST_20 = {("unknown", f"x{number}") for number in range(20)}
REST = ("unknown", None)


@pytest.mark.parametrize(
    ("count", "expected"), [(20, FIRST_20), (21, FIRST_20 | {REST}), (4000, FIRST_20 | {REST})]
)
def test_of_unknown_fields_the_first_20_are_named(count: int, expected: set[Any]) -> None:
    sent = json.dumps(GOOD | unknown(count))
    assert of_body("json", ChangeSchema(), sent) == (400, expected)


@pytest.mark.parametrize("location", ["query", "json_or_query"])
def test_of_unknown_parameters_the_first_20_are_named(location: str) -> None:
    query = "&".join(f"{name}=1" for name in unknown(30))
    status, found = of_query(query, location)
    assert (status, {entry for entry in found if entry[0] == "unknown"}) == (400, FIRST_20 | {REST})


def test_of_a_query_beside_a_body_too() -> None:
    sent = {"method": "POST", "data": TEXT, "content_type": JSON, "query_string": unknown(30)}
    assert refusal("json", ChangeSchema(), **sent) == (400, FIRST_20 | {REST})


def test_the_last_entry_says_how_many_more_there_are() -> None:
    sent = {"method": "POST", "data": json.dumps(GOOD | unknown(27)), "content_type": JSON}
    with pytest.raises(Problem) as refused:
        parsed("json", ChangeSchema(), **sent)
    assert refused.value.entries[-1].message == "There are 7 more unknown fields."


def test_many_unknown_fields_hide_no_other_error() -> None:
    sent = json.dumps(unknown(30) | GOOD | {"ext_id": ""})
    assert ("invalid", "ext_id") in of_body("json", ChangeSchema(), sent)[1]


def test_many_fields_that_are_ignored_are_ignored() -> None:
    sent = {"method": "DELETE", "data": json.dumps(GOOD | unknown(4000)), "content_type": JSON}
    assert parsed("json_or_query", PairSchema(), **sent)["ext_id"] == "fb-1"


def test_an_unknown_field_with_marshmallow_s_name_for_the_whole_is_named() -> None:
    nothing = facebook(_schema=1)
    assert of_body("json", ChangeSchema(), json.dumps(nothing)) == (
        400,
        {("unknown", "_schema"), ("invalid", None)},
    )
