"""What a query string may be. An admin asks, so that only the query can be the reason.

What is no number, no provider, no ext_id and no percent-encoding is in tests/unit/test_parser.py.
"""

import pytest
from flask.testing import FlaskClient

from tests.api import problems
from tests.support.databases import ON_BOTH, ON_ONE
from tests.support.factories import PATH, as_admin, as_user, errors_of, facebook, path_of

pytestmark = ON_ONE

READS = pytest.mark.parametrize("method", ["GET", "HEAD"])
PAIR = "provider=facebook&ext_id=fb-1"


@READS
@pytest.mark.parametrize(
    "query",
    ["limit=5", "user_id=7&limit=5", f"{PAIR}&x=1", "user_id[]=7", "access_token=x", "x"],
)
def test_an_unknown_parameter_is_refused(client: FlaskClient, query: str, method: str) -> None:
    assert client.open(f"{PATH}?{query}", method=method, headers=as_admin()).status_code == 400


@pytest.mark.parametrize("name", ["limit", "User_id", "x.y", "\u00e9"])
def test_the_error_names_the_unknown_parameter(client: FlaskClient, name: str) -> None:
    response = client.get(PATH, query_string={"user_id": "7", name: "1"}, headers=as_admin())
    problems.check(response, 400)
    assert errors_of(response) == {name: "unknown"}


def test_a_parameter_that_is_unknown_and_repeated_is_one_error(client: FlaskClient) -> None:
    problems.check(client.get(f"{PATH}?user_id=7&x=1&x=2", headers=as_admin()), 400)


@READS
@pytest.mark.parametrize(
    "query",
    ["user_id=7&user_id=7", "user_id=7&user%5Fid=7", f"{PAIR}&ext_id=fb-2"],
)
def test_a_repeated_parameter_is_refused(client: FlaskClient, query: str, method: str) -> None:
    assert client.open(f"{PATH}?{query}", method=method, headers=as_admin()).status_code == 400


def test_the_error_names_the_repeated_parameter(client: FlaskClient) -> None:
    response = client.get(f"{PATH}?user_id=7&user_id=7", headers=as_admin())
    problems.check(response, 400)
    assert set(errors_of(response)) == {"user_id"}


@pytest.mark.parametrize("user_id", ["", "0", "07", "me", "%D9%A7", str(2**63)])
def test_a_user_id_that_is_no_canonical_decimal_is_refused(
    client: FlaskClient, user_id: str
) -> None:
    response = client.get(f"{PATH}?user_id={user_id}", headers=as_admin())
    problems.check(response, 400)
    assert set(errors_of(response)) == {"user_id"}


@pytest.mark.parametrize("user_id", ["1", "7", str(2**63 - 1), "%37"])
def test_a_canonical_user_id_is_accepted(client: FlaskClient, user_id: str) -> None:
    response = client.get(f"{PATH}?user_id={user_id}")
    assert (response.status_code, response.get_json()) == (200, [])


@pytest.mark.parametrize(
    ("query", "field"),
    [("provider=Facebook&ext_id=x", "provider"), ("provider=facebook&ext_id=a%00b", "ext_id")],
)
def test_a_pair_that_breaks_a_rule_is_refused(client: FlaskClient, query: str, field: str) -> None:
    response = client.get(f"{PATH}?{query}", headers=as_admin())
    problems.check(response, 400)
    assert set(errors_of(response)) == {field}


@ON_BOTH
@pytest.mark.parametrize("encoded", ["fb%2F1%3F", "a+b", "a%20b", "a%2Bb", "%F0%9F%98%80", "a&"])
def test_a_percent_encoded_ext_id_is_accepted(client: FlaskClient, encoded: str) -> None:
    response = client.get(f"{PATH}?provider=facebook&ext_id={encoded}", headers=as_admin())
    assert response.status_code == 200


@ON_BOTH
def test_a_plus_is_a_blank_and_an_encoded_plus_is_a_plus(client: FlaskClient) -> None:
    client.post(PATH, json=facebook(ext_id="a b+c"), headers=as_user(7))
    response = client.get(f"{PATH}?provider=facebook&ext_id=a+b%2Bc", headers=as_admin())
    assert [row["ext_id"] for row in response.get_json()] == ["a b+c"]


NOT_UTF_8 = pytest.mark.parametrize("encoded", ["%FF", "%ED%A0%80"])


@NOT_UTF_8
@pytest.mark.parametrize("query", ["user_id={}", "provider=x&ext_id={}"])
def test_percent_encoding_that_is_not_utf_8_is_refused(
    client: FlaskClient, query: str, encoded: str
) -> None:
    problems.check(client.get(f"{PATH}?{query.format(encoded)}", headers=as_admin()), 400)


@NOT_UTF_8
def test_a_delete_by_percent_encoding_that_is_not_utf_8_is_refused(
    client: FlaskClient, encoded: str
) -> None:
    query = f"user_id=7&provider=facebook&ext_id={encoded}"
    problems.check(client.delete(f"{PATH}?{query}", headers=as_user(7)), 400)


@ON_BOTH
def test_bytes_that_are_not_utf_8_do_not_name_what_they_would_be_escaped_as(
    client: FlaskClient,
) -> None:
    client.post(PATH, json=facebook(ext_id="%FF"), headers=as_user(7))
    client.delete(f"{PATH}?user_id=7&provider=facebook&ext_id=%FF", headers=as_user(7))
    assert len(client.get(PATH, headers=as_user(7)).get_json()) == 1


@pytest.mark.parametrize("given", ["provider=facebook", "ext_id=fb-1"])
def test_half_a_pair_is_refused(client: FlaskClient, given: str) -> None:
    response = client.get(f"{PATH}?{given}", headers=as_admin())
    problems.check(response, 400)
    missing = {"provider", "ext_id"} - {given.partition("=")[0]}
    assert errors_of(response) == {missing.pop(): "required"}


@pytest.mark.parametrize("query", [f"user_id=7&{PAIR}", "user_id=7&ext_id=x"])
def test_a_pair_together_with_a_user_id_is_refused(client: FlaskClient, query: str) -> None:
    problems.check(client.get(f"{PATH}?{query}", headers=as_admin()), 400)


def test_an_anonymous_list_without_a_user_id_is_refused(client: FlaskClient) -> None:
    response = client.get(PATH)
    problems.check(response, 400)
    assert errors_of(response) == {"user_id": "required"}


@pytest.mark.parametrize("query", ["", "?", "?&", "?&&"])
def test_an_empty_query_is_no_query(client: FlaskClient, query: str) -> None:
    assert client.get(f"{PATH}{query}", headers=as_user(7)).status_code == 200


@pytest.mark.parametrize("query", ["user_id=7", "user_id=8", PAIR, "x=1", "x"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH"])
def test_the_second_form_takes_no_query(client: FlaskClient, method: str, query: str) -> None:
    path = f"{path_of(7)}?{query}"
    body = None if method in {"GET", "HEAD"} else facebook(profile_url=None)
    assert client.open(path, method=method, json=body, headers=as_user(7)).status_code == 400


def test_the_second_form_names_the_parameter_it_does_not_take(client: FlaskClient) -> None:
    response = client.get(f"{path_of(7)}?limit=5", headers=as_user(7))
    assert errors_of(response) == {"limit": "unknown"}


@pytest.mark.parametrize("query", [PAIR, f"{PAIR}&user_id=7"])
def test_delete_on_the_second_form_takes_the_pair_and_the_user_id(
    client: FlaskClient, query: str
) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7))
    assert client.delete(f"{path_of(7)}?{query}", headers=as_user(7)).status_code == 204


def test_delete_on_the_second_form_takes_nothing_else(client: FlaskClient) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7))
    response = client.delete(f"{path_of(7)}?{PAIR}&limit=5", headers=as_user(7))
    problems.check(response, 400)


def test_delete_with_an_empty_json_body_reads_the_query(client: FlaskClient) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7))
    query = f"{PATH}?user_id=7&{PAIR}"
    response = client.delete(query, content_type="application/json", headers=as_user(7))
    assert response.status_code == 204


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (PAIR, "user_id"),
        (f"user_id=07&{PAIR}", "user_id"),
        ("user_id=7&ext_id=fb-1", "provider"),
        ("user_id=7&provider=facebook", "ext_id"),
        ("user_id=7&provider=Facebook&ext_id=fb-1", "provider"),
        ("user_id=7&provider=facebook&ext_id=a%00b", "ext_id"),
    ],
)
def test_delete_by_query_names_the_broken_parameter(
    client: FlaskClient, query: str, field: str
) -> None:
    response = client.delete(f"{PATH}?{query}", headers=as_user(7))
    problems.check(response, 400)
    assert set(errors_of(response)) == {field}
