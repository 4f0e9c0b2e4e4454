"""What holds for any body at all."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.support import values
from tests.support.databases import ON_BOTH, ON_ONE
from tests.support.factories import PATH, as_user, path_of, shown

pytestmark = ON_ONE

# The fixtures only lend a client; whatever an example stores, the next one may meet.
anything_goes = settings(
    max_examples=100,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

FORMS = [PATH, path_of(7)]

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
# `characters()` holds NUL and, where asked for, lone surrogates: JSON can say both.
any_text = st.text(st.characters(exclude_categories=()), max_size=30)
any_json = st.recursive(
    scalars | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)
# Bodies that come closer to a good one, so that more than the first check is reached.
likely = st.fixed_dictionaries(
    {},
    optional={
        "user_id": st.just(7) | st.just("7") | any_json,
        "provider": st.sampled_from(["facebook", "external", "External", "google"]) | any_json,
        "ext_id": any_text | st.integers() | any_json,
        "profile_url": any_json | any_text.map(lambda text: f"https://example.com/{text}"),
        "show_in_profile": st.booleans() | any_json,
        "metadata": any_json | st.dictionaries(any_text, any_json, max_size=3),
        "nonsense": any_json,
    },
)

good_text = values.text(20)
good_json = values.json(good_text, leaves=12, parts=4)
good_ext_ids = values.ext_ids(255)
good_providers = st.from_regex(r"[a-z0-9]([a-z0-9_-]{0,20}[a-z0-9])?", fullmatch=True)
good_metadata = st.none() | st.dictionaries(good_text, good_json, max_size=4)
good_urls = st.none() | st.from_regex(
    r"https?://[a-z]{1,9}\.example/[!-\[\]-~]{0,40}", fullmatch=True
)


def send(client: FlaskClient, method: str, path: str, data: str | bytes) -> TestResponse:
    return client.open(
        path, method=method, data=data, content_type="application/json", headers=as_user(7)
    )


def assert_in_the_contract(response: TestResponse) -> None:
    assert response.status_code in (200, 201, 204, 400, 403, 404, 409)
    if response.status_code >= 400:
        assert response.mimetype == "application/problem+json"
        problem = response.get_json()
        assert problem["status"] == response.status_code
        assert problem["errors"]


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal where `true` isn't 1, but 1 is 1.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@given(body=any_json | likely)
@anything_goes
def test_no_json_body_is_answered_outside_the_contract(
    client: FlaskClient, method: str, path: str, body: Any
) -> None:
    assert_in_the_contract(send(client, method, path, json.dumps(body)))


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@given(data=st.binary(max_size=200) | st.text('{}[]",:0123456789eE+-.truefalsn\\ud8', max_size=60))
@anything_goes
def test_no_bytes_are_answered_outside_the_contract(
    client: FlaskClient, method: str, data: str | bytes
) -> None:
    assert_in_the_contract(send(client, method, PATH, data))


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@given(
    query=st.dictionaries(
        st.sampled_from(["user_id", "provider", "ext_id"]) | good_text, good_text, max_size=4
    )
)
@anything_goes
def test_no_query_is_answered_outside_the_contract(
    client: FlaskClient, method: str, query: dict[str, str]
) -> None:
    response = client.open(PATH, method=method, query_string=query, headers=as_user(7))
    assert_in_the_contract(response)


@ON_BOTH
@given(ext_id=good_ext_ids, metadata=good_metadata)
@anything_goes
def test_an_external_association_reads_back_equal(
    client: FlaskClient, ext_id: str, metadata: Any
) -> None:
    body = {"user_id": 7, "provider": "external", "ext_id": ext_id, "metadata": metadata}
    assert send(client, "POST", PATH, json.dumps(body)).status_code == 201
    listed = client.get(path_of(7), headers=as_user(7)).get_json()
    assert send(client, "DELETE", PATH, json.dumps(body)).status_code == 204
    assert same(listed, [body])


@ON_BOTH
@given(
    provider=good_providers.filter(lambda provider: provider != "external"),
    ext_id=good_ext_ids,
    profile_url=good_urls,
    show_in_profile=st.booleans(),
)
@anything_goes
def test_a_social_association_reads_back_equal(
    client: FlaskClient, provider: str, ext_id: str, profile_url: Any, show_in_profile: bool
) -> None:
    body = {
        "user_id": 7,
        "provider": provider,
        "ext_id": ext_id,
        "profile_url": profile_url,
        "show_in_profile": show_in_profile,
    }
    assert send(client, "POST", PATH, json.dumps(body)).status_code == 201
    listed = client.get(path_of(7), headers=as_user(7)).get_json()
    assert send(client, "DELETE", PATH, json.dumps(body)).status_code == 204
    assert same(listed, [shown(body)])


@ON_BOTH
@given(metadata=good_metadata)
@anything_goes
def test_what_was_accepted_is_a_retry_when_sent_again(client: FlaskClient, metadata: Any) -> None:
    body = {"user_id": 7, "provider": "external", "ext_id": "ex-1", "metadata": metadata}
    created = send(client, "POST", PATH, json.dumps(body))
    again = send(client, "POST", PATH, json.dumps(body))
    send(client, "DELETE", PATH, json.dumps(body))
    assert (created.status_code, again.status_code) == (201, 200)
