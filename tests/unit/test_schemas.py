"""The rules across fields, without HTTP: what fits a provider, and what a query may ask.

Value by value, on both databases: tests/api/test_conditional_fields.py.
"""

from typing import Any

import pytest
from marshmallow import Schema, ValidationError

from service.schemas.associations import ChangeSchema, CreateSchema, PairSchema, QuerySchema
from tests.support.factories import UNSET, external, facebook

URL = "https://example.com/me"
PAIR = {"provider": "facebook", "ext_id": "fb-1"}


def refused(schema: Schema, body: dict[str, Any]) -> dict[str, list[str]]:
    """The codes of what is wrong, by field; `_schema` stands for the whole."""
    try:
        schema.load(body)
    except ValidationError as error:
        return {name: [text.code for text in texts] for name, texts in error.messages_dict.items()}
    return {}


@pytest.mark.parametrize("schema", [CreateSchema(), ChangeSchema()], ids=["create", "change"])
@pytest.mark.parametrize(
    ("body", "misfits"),
    [
        (external(profile_url=URL), {"profile_url"}),
        (external(show_in_profile=True), {"show_in_profile"}),
        (external(profile_url=URL, show_in_profile=True), {"profile_url", "show_in_profile"}),
        (facebook(metadata={}), {"metadata"}),
        (facebook(metadata={"a": 1}, profile_url=URL), {"metadata"}),
    ],
)
def test_what_does_not_fit_the_provider_is_refused(
    schema: Schema, body: dict[str, Any], misfits: set[str]
) -> None:
    assert refused(schema, body) == {name: ["not_applicable"] for name in misfits}


@pytest.mark.parametrize(
    "body",
    [
        facebook(profile_url=URL, show_in_profile=True, metadata=None),
        external(metadata={"a": 1}, profile_url=None, show_in_profile=False),
    ],
)
@pytest.mark.parametrize("schema", [CreateSchema(), ChangeSchema()], ids=["create", "change"])
def test_what_says_nothing_fits_every_provider(schema: Schema, body: dict[str, Any]) -> None:
    assert refused(schema, body) == {}


def test_what_is_refused_for_a_provider_comes_with_what_it_has_instead() -> None:
    with pytest.raises(ValidationError) as error:
        CreateSchema().load(facebook(metadata={"a": 1}))
    has = "an association with facebook has profile_url and show_in_profile instead."
    assert error.value.normalized_messages() == {"metadata": [f"Leave it out: {has}"]}


def test_a_misfit_is_reported_beside_a_broken_field() -> None:
    body = external(ext_id="", show_in_profile=True)
    assert refused(CreateSchema(), body).keys() == {"ext_id", "show_in_profile"}


def test_a_broken_provider_fits_everything() -> None:
    body = facebook(provider="External", profile_url=URL, metadata={})
    assert refused(CreateSchema(), body) == {"provider": ["invalid"]}


@pytest.mark.parametrize("body", [facebook(), external()], ids=["facebook", "external"])
def test_a_new_association_has_all_details(body: dict[str, Any]) -> None:
    assert CreateSchema().load(body) == body | UNSET


@pytest.mark.parametrize(
    "body",
    [facebook(), facebook(metadata=None), external(), external(profile_url=None),
     external(show_in_profile=False)],
)  # fmt: skip
def test_a_change_of_nothing_is_refused(body: dict[str, Any]) -> None:
    assert refused(ChangeSchema(), body) == {"_schema": ["invalid"]}


def test_a_change_of_nothing_is_refused_with_what_there_is_to_change() -> None:
    with pytest.raises(ValidationError) as error:
        ChangeSchema().load(facebook())
    text = "Nothing would change: send profile_url or show_in_profile."
    assert error.value.normalized_messages() == {"_schema": [text]}


@pytest.mark.parametrize(
    "body",
    [facebook(profile_url=None), facebook(show_in_profile=False), external(metadata=None)],
)
def test_null_and_false_change_what_fits(body: dict[str, Any]) -> None:
    assert refused(ChangeSchema(), body) == {}


def test_the_pair_alone_is_taken_of_what_names_an_association() -> None:
    body = facebook(profile_url=URL, show_in_profile=True, nonsense=1)
    assert PairSchema().load(body) == facebook()


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({}, {}),
        ({"user_id": "7"}, {}),
        (PAIR, {}),
        ({"provider": "facebook"}, {"ext_id": ["required"]}),
        ({"ext_id": "fb-1"}, {"provider": ["required"]}),
        (PAIR | {"user_id": "7"}, {"user_id": ["invalid"]}),
        (
            {"provider": "facebook", "user_id": "7"},
            {"ext_id": ["required"], "user_id": ["invalid"]},
        ),
    ],
)
def test_a_query_names_a_user_or_a_pair(query: dict[str, str], wrong: dict[str, list[str]]) -> None:
    assert refused(QuerySchema(), query) == wrong
