"""What a body may be, before anyone looks at its fields.

What counts as JSON and as its media type is in tests/unit/test_parser.py, case by case.
"""

import json

import pytest
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app

from tests.api import problems
from tests.support.databases import ON_ONE
from tests.support.factories import PATH, as_user, errors_of, external, facebook, path_of

pytestmark = ON_ONE

LIMIT = 64 * 1024
JSON = "application/json"
WRITES = ("POST", "PATCH", "DELETE")
GOOD = json.dumps(facebook())


def send(
    client: FlaskClient,
    body: str | bytes,
    *,
    method: str = "POST",
    content_type: str | None = JSON,
) -> TestResponse:
    return client.open(
        PATH, method=method, data=body, content_type=content_type, headers=as_user(7)
    )


def body_of(field: str, literal: str) -> str:
    """A good body in which one field is this literal text, be it JSON or not."""
    good = external() if field == "metadata" else facebook()
    return json.dumps(good | {field: "@"}).replace('"@"', literal)


MALFORMED = {
    "cut short": GOOD[:-1].encode(),
    "NaN": body_of("user_id", "NaN").encode(),
    "byte-order mark": b"\xef\xbb\xbf" + GOOD.encode(),
    "UTF-16": GOOD.encode("utf-16"),
    "latin-1": body_of("ext_id", '"\u00e9"').encode("latin-1"),
}


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_json_is_refused(client: FlaskClient, body: bytes, method: str) -> None:
    response = send(client, body, method=method)
    problems.check(response, 400)
    assert errors_of(response) == {None: "parse_error"}


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("body", ["[]", "null"])
def test_a_body_that_is_no_object_is_refused(client: FlaskClient, body: str, method: str) -> None:
    response = send(client, body, method=method)
    problems.check(response, 400)
    assert errors_of(response) == {None: "invalid"}


@pytest.mark.parametrize("content_type", [JSON, None])
@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_an_empty_body_is_refused(
    client: FlaskClient, method: str, content_type: str | None
) -> None:
    problems.check(send(client, b"", method=method, content_type=content_type), 400)


def test_an_empty_object_lacks_every_required_field(client: FlaskClient) -> None:
    codes = errors_of(send(client, "{}"))
    assert codes == {"user_id": "required", "provider": "required", "ext_id": "required"}


DUPLICATES = {
    "a field": GOOD.replace("{", '{"ext_id": "fb-1", ', 1),
    "a field, in other letters": GOOD.replace("{", '{"\\u0065xt_id": "fb-1", ', 1),
    "an unknown field": GOOD.replace("{", '{"x": 1, "x": 1, ', 1),
    "in metadata": body_of("metadata", '{"a": 1, "a": 1}'),
    "deep in metadata": body_of("metadata", '{"a": {"b": [{"c": 1, "d": 2, "c": 3}]}}'),
    "in a metadata string": body_of("metadata", json.dumps('{"a": 1, "a": 1}')),
    "deep in a metadata string": body_of("metadata", json.dumps('{"a": [{"b": 1, "b": 2}]}')),
}


@pytest.mark.parametrize("body", DUPLICATES.values(), ids=DUPLICATES)
def test_a_duplicate_key_is_refused(client: FlaskClient, body: str) -> None:
    problems.check(send(client, body), 400)


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_duplicate_key_is_refused_by_the_other_writes_too(
    client: FlaskClient, method: str
) -> None:
    body = facebook(show_in_profile=True)
    client.post(PATH, json=body, headers=as_user(7))
    doubled = json.dumps(body).replace("{", '{"provider": "google", ', 1)
    problems.check(send(client, doubled, method=method), 400)


def test_the_same_key_in_two_objects_is_no_duplicate(client: FlaskClient) -> None:
    body = external(metadata={"a": {"b": 1}, "b": [{"b": 2}, {"b": 3}]})
    assert client.post(PATH, json=body, headers=as_user(7)).status_code == 201


DIGITS = "9" * 5_000
DEEP = 30_000
UNREASONABLE = {
    "1e400 in metadata": body_of("metadata", '{"a": 1e400}'),
    "-1e400 in metadata": body_of("metadata", '{"a": [-1e400]}'),
    "1e400 in a metadata string": body_of("metadata", json.dumps('{"a": 1e400}')),
    "1e400 as user_id": body_of("user_id", "1e400"),
    "1e400 as ext_id": body_of("ext_id", "1e400"),
    "NaN in a metadata string": body_of("metadata", json.dumps('{"a": NaN}')),
    "5,000 digits as user_id": body_of("user_id", DIGITS),
    "5,000 digits as user_id, in quotes": body_of("user_id", f'"{DIGITS}"'),
    "5,000 digits as ext_id": body_of("ext_id", DIGITS),
    "5,000 digits as unknown field": body_of("x", DIGITS),
    "5,000 digits in metadata": body_of("metadata", f'{{"a": {DIGITS}}}'),
    "5,000 digits in a metadata string": body_of("metadata", f'"{{\\"a\\": {DIGITS}}}"'),
    "5,000 digits alone": DIGITS,
    "thousands of arrays": "[" * DEEP + "]" * DEEP,
    "thousands of open arrays": "[" * 2 * DEEP,
    "thousands of open objects": '{"a":' * (DEEP // 3),
    "thousands of levels in metadata": body_of("metadata", '{"a":' * 9_000 + "1" + "}" * 9_000),
    "thousands of levels in a metadata string": body_of("metadata", f'"{"[" * DEEP}{"]" * DEEP}"'),
    "thousands of levels in an unknown field": body_of("x", "[" * DEEP + "]" * DEEP),
}


@pytest.mark.parametrize("body", UNREASONABLE.values(), ids=UNREASONABLE)
def test_json_that_breaks_parsers_is_refused(client: FlaskClient, body: str) -> None:
    problems.check(send(client, body), 400)


@pytest.mark.parametrize("method", WRITES)
def test_100_000_levels_are_refused(client: FlaskClient, method: str) -> None:
    problems.check(send(client, "[" * 100_000, method=method), 413)


@pytest.mark.parametrize("name", [r"a\u0000b", r"\ud800", r"\udc00\ud800", r"\u00e9", ""])
def test_an_unknown_field_is_refused_whatever_its_name(client: FlaskClient, name: str) -> None:
    response = send(client, GOOD.replace("{", f'{{"{name}": 1, ', 1))
    problems.check(response, 400)


@pytest.mark.parametrize(
    "body",
    [
        body_of("ext_id", r'"\u00e9 \ud83d\ude00"'),
        body_of("ext_id", '"\u00e9 \U0001f600"'),
        body_of("metadata", r'{"\ud83d\ude00": "\ud83d\ude00"}'),
        f" \t\r\n{GOOD}\n",
    ],
)
def test_correct_json_in_other_spellings_is_accepted(client: FlaskClient, body: str) -> None:
    assert send(client, body.encode()).status_code == 201


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
    ],
)
def test_any_other_media_type_is_refused(
    client: FlaskClient, content_type: str | None, method: str
) -> None:
    response = send(client, GOOD, method=method, content_type=content_type)
    problems.check(response, 400)
    assert errors_of(response) == {None: "unsupported_media_type"}


def padded(length: int) -> bytes:
    """A good body of this length."""
    return GOOD.encode().ljust(length)


def test_a_body_of_64_kib_is_accepted(client: FlaskClient) -> None:
    assert send(client, padded(LIMIT)).status_code == 201


@pytest.mark.parametrize("method", WRITES)
def test_a_body_over_64_kib_is_refused(client: FlaskClient, method: str) -> None:
    response = send(client, padded(LIMIT + 1), method=method)
    problems.check(response, 413)
    assert errors_of(response) == {None: "too_large"}


@pytest.mark.parametrize(
    ("length", "status"),
    [(200, 201), (LIMIT, 201), (LIMIT + 1, 413), (2 * LIMIT, 413), (10 * LIMIT, 413)],
)
def test_the_limit_holds_without_a_content_length(
    client: FlaskClient, length: int, status: int
) -> None:
    headers = as_user(7) | {"Transfer-Encoding": "chunked"}
    builder = EnvironBuilder(
        path=PATH, method="POST", data=padded(length), content_type=JSON, headers=headers.items()
    )
    environ = builder.get_environ()
    del environ["CONTENT_LENGTH"]
    environ["wsgi.input_terminated"] = True
    _, answered, _ = run_wsgi_app(client.application, environ)
    assert answered[:3] == str(status)


TOO_LARGE = b"[" * (LIMIT + 1)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (PATH, {}, 401),
        (path_of(8), as_user(7), 403),
        (PATH, as_user(7) | {"Accept": "text/html"}, 406),
        (PATH, as_user(7), 413),
    ],
)
def test_size_comes_after_the_token_the_path_and_accept_and_before_the_rest(
    client: FlaskClient, path: str, headers: dict[str, str], status: int
) -> None:
    response = client.post(path, data=TOO_LARGE, content_type="text/plain", headers=headers)
    problems.check(response, status)
