"""Which paths and methods there are, and how the others are answered.

No request here sends a token unless it says so: what a path is comes before who asks.
"""

import pytest
from flask.testing import FlaskClient

from tests.api import problems
from tests.support.databases import ON_BOTH, ON_ONE
from tests.support.factories import PATH, as_user, errors_of, external, facebook, path_of

pytestmark = ON_ONE

METHODS = pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "DELETE", "PUT"])
FORMS = [PATH, PATH.rstrip("/"), path_of(7), path_of(7).rstrip("/")]
BOTH_FORMS = pytest.mark.parametrize("path", FORMS)
RESOURCE_METHODS = {"GET", "HEAD", "POST", "PATCH", "DELETE"}
TARGET_LIMIT = 8 * 1024

BAD_IDS = [
    "007",
    "07",
    "%D9%A7",
    "%EF%BC%97",
    "0",
    "00",
    "-1",
    "-0",
    "+7",
    "%207",
    "7%20",
    "7%0A",
    "7%00",
    "7.0",
    "7,8",
    "1e3",
    "0x7",
    "1_0",
    "true",
    "null",
    "undefined",
    "NaN",
    "me",
    "%FF",
    "[object%20Object]",
    str(2**63),
    str(2**64 + 7),
    pytest.param("9" * 5_000, id="5,000 digits"),
]


@METHODS
@pytest.mark.parametrize("user_id", BAD_IDS)
def test_an_id_that_is_no_canonical_decimal_is_not_found(
    client: FlaskClient, user_id: str, method: str
) -> None:
    assert client.open(path_of(user_id), method=method).status_code == 404


@pytest.mark.parametrize("user_id", ["007", "%D9%A7", "0", str(2**63)])
def test_a_bad_id_is_not_found_without_the_slash_too(client: FlaskClient, user_id: str) -> None:
    response = client.get(path_of(user_id).rstrip("/"))
    problems.check(response, 404)
    assert errors_of(response) == {None: "not_found"}


@pytest.mark.parametrize("user_id", [1, 7, 2**63 - 1])
def test_a_positive_64_bit_decimal_is_a_user(client: FlaskClient, user_id: int) -> None:
    response = client.get(path_of(user_id))
    assert (response.status_code, response.get_json()) == (200, [])


@ON_BOTH
def test_the_largest_user_id_can_be_written(client: FlaskClient) -> None:
    largest = 2**63 - 1
    body = facebook(user_id=largest)
    assert client.post(path_of(largest), json=body, headers=as_user(largest)).status_code == 201


@BOTH_FORMS
def test_both_forms_are_listed_with_and_without_the_slash(client: FlaskClient, path: str) -> None:
    assert client.get(path, headers=as_user(7)).status_code == 200


@BOTH_FORMS
def test_both_forms_create_with_and_without_the_slash(client: FlaskClient, path: str) -> None:
    assert client.post(path, json=facebook(), headers=as_user(7)).status_code == 201


@BOTH_FORMS
def test_both_forms_change_with_and_without_the_slash(client: FlaskClient, path: str) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7))
    body = facebook(show_in_profile=True)
    assert client.patch(path, json=body, headers=as_user(7)).status_code == 200


@BOTH_FORMS
def test_both_forms_delete_with_and_without_the_slash(client: FlaskClient, path: str) -> None:
    client.post(PATH, json=external(), headers=as_user(7))
    assert client.delete(path, json=external(), headers=as_user(7)).status_code == 204


NOWHERE = [
    "/",
    "/api",
    "/api/v2",
    "/api/v2/user/",
    "/api/v2/user/7",
    "/api/v2/user/7/",
    "/api/v2/user/provider/7",
    "/api/v2/user/7/provider/facebook",
    "/api/v2/user/7/provider/x/",
    "/api/v2/user/7/8/provider/",
    "/api/v2/user/7/providers/",
    "/api/v1/user/provider/",
    "/api/v2/users/provider/",
    "/API/v2/user/provider/",
    "/api/v2/user/Provider/",
    "/api/v2/user/provider;x=1/",
    "/api/v2/user/provider/%20",
    "/api/v2/user/provider%00/",
    "/api/v2/user/provider%FF/",
    "/api/v2/user/x/../provider/",
    "/api/v2/user/./provider/",
    "/static/x.js",
    "/.env",
]
DOUBLED = [
    "//",
    "//api/v2/user/provider/",
    "/api//v2/user/provider/",
    "/api/v2//user/provider/",
    "/api/v2/user//provider/",
    "/api/v2/user/provider//",
    "/api/v2/user//7/provider/",
    "/api/v2/user/7//provider/",
    "/api/v2/user/7//provider",
    "/api/v2/user/7/provider//",
    "//healthz",
    "/api/v2//openapi.json",
]


@METHODS
@pytest.mark.parametrize("path", NOWHERE)
def test_a_path_that_nothing_serves_is_not_found(
    client: FlaskClient, path: str, method: str
) -> None:
    assert client.open(path, method=method).status_code == 404


@METHODS
@pytest.mark.parametrize("path", DOUBLED)
def test_doubled_slashes_are_not_tidied(client: FlaskClient, path: str, method: str) -> None:
    # The client would read a leading `//` as a host, so the path goes in behind its back.
    environ = {"PATH_INFO": path, "REQUEST_URI": path, "RAW_URI": path}
    assert client.open(PATH, method=method, environ_overrides=environ).status_code == 404


@BOTH_FORMS
@pytest.mark.parametrize("method", ["PUT", "TRACE", "CONNECT", "PROPFIND", "FOO"])
def test_another_method_is_refused_and_the_right_ones_are_named(
    client: FlaskClient, path: str, method: str
) -> None:
    response = client.open(path, method=method)
    problems.check(response, 405)
    assert errors_of(response) == {None: "method_not_allowed"}
    assert set(response.headers["Allow"].split(", ")) - {"OPTIONS"} == RESOURCE_METHODS


@pytest.mark.parametrize(
    "path", ["/api/v2/openapi.json", "/api/v2/docs", "/healthz", "/readyz", "/metrics"]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_is_only_read_takes_no_writes(client: FlaskClient, path: str, method: str) -> None:
    response = client.open(path, method=method)
    problems.check(response, 405)
    assert set(response.headers["Allow"].split(", ")) - {"OPTIONS"} == {"GET", "HEAD"}


def target(length: int, path: str = PATH) -> str:
    """A target of this length, with a query that the service would refuse."""
    return f"{path}?user_id=7&x=".ljust(length, "x")


@pytest.mark.parametrize("method", sorted(RESOURCE_METHODS))
def test_a_target_over_8_kib_is_refused(client: FlaskClient, method: str) -> None:
    assert client.open(target(TARGET_LIMIT + 1), method=method).status_code == 414


def test_a_target_over_8_kib_has_a_code(client: FlaskClient) -> None:
    response = client.get(target(TARGET_LIMIT + 1))
    problems.check(response, 414)
    assert errors_of(response) == {None: "uri_too_long"}


def test_a_target_of_8_kib_is_read(client: FlaskClient) -> None:
    assert client.get(target(TARGET_LIMIT)).status_code == 400


def test_the_escapes_of_a_target_count(client: FlaskClient) -> None:
    encoded = "%C3%A9" * (TARGET_LIMIT // 6)
    assert client.get(f"{PATH}?user_id=7&x={encoded}").status_code == 414


HTML = {"Accept": "text/html"}
BAD_TOKEN = {"Authorization": "Bearer x"}


@pytest.mark.parametrize("headers", [{}, BAD_TOKEN, HTML, as_user(7) | HTML])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", path_of("007"), 404),
        ("GET", "/api/v2/user/7/provider/x", 404),
        ("PUT", PATH, 405),
        ("PUT", path_of(7).rstrip("/"), 405),
        ("POST", target(TARGET_LIMIT + 1), 414),
        ("GET", target(TARGET_LIMIT + 1, path_of(7)), 414),
    ],
)
def test_the_path_the_method_and_the_length_come_before_token_and_accept(
    client: FlaskClient, method: str, path: str, status: int, headers: dict[str, str]
) -> None:
    problems.check(client.open(path, method=method, headers=headers), status)


@pytest.mark.parametrize(("method", "path"), [("POST", path_of("0")), ("PUT", PATH)])
def test_the_path_and_the_method_come_before_the_size(
    client: FlaskClient, method: str, path: str
) -> None:
    response = client.open(path, method=method, data=b" " * 100_000, headers=as_user(7))
    assert response.status_code in {404, 405}


SAME_FOR_HEAD = [
    PATH + "?user_id=7",
    path_of(7),
    path_of(7).rstrip("/"),
    PATH,
    PATH + "?limit=1",
    path_of("007"),
    "/nowhere",
    "/healthz",
    "/readyz",
    "/api/v2/openapi.json",
    "/api/v2/docs",
]


@pytest.mark.parametrize("headers", [{}, BAD_TOKEN, HTML], ids=["plain", "bad token", "HTML"])
@pytest.mark.parametrize("path", SAME_FOR_HEAD)
def test_head_answers_like_get_without_the_body(
    client: FlaskClient, path: str, headers: dict[str, str]
) -> None:
    headers = headers | {"X-Request-ID": "the-same"}
    got = client.get(path, headers=headers)
    head = client.head(path, headers=headers)
    assert head.get_data() == b""
    assert head.status_code == got.status_code
    assert dict(head.headers) == dict(got.headers)
