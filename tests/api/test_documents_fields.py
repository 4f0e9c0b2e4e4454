"""The service holds fields and bodies to what their JSON Schema declares."""

import re
import unicodedata
from collections.abc import Callable
from ipaddress import IPv6Address

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from service.schemas import fields
from tests.api import openapi
from tests.api.openapi import FIRST, SECOND, Document, Json
from tests.support.databases import ON_ONE
from tests.support.factories import PATH, as_user, external, facebook

pytestmark = ON_ONE

LARGEST = 2**63 - 1
FORMS = pytest.mark.parametrize("path", [FIRST, SECOND])


@pytest.fixture
def document(client: FlaskClient) -> Document:
    return openapi.read(client)


def test_the_expression_of_ext_id_refuses_what_unicode_calls_control_format_or_space() -> None:
    admits = re.compile(fields.ExtId.accepted[0]["pattern"]).search
    for character in map(chr, range(0x110000)):
        category = unicodedata.category(character)
        # Surrogates can't be written; what a newer Unicode calls format is refused early.
        if category not in ("Cs", "Cn"):
            unwanted = category in ("Cc", "Cf") or character.isspace()
            assert bool(admits(character)) != unwanted, hex(ord(character))


@pytest.mark.parametrize(
    ("text", "expected"),
    [(" x", False), ("x ", False), ("x y", True), ("x\u2028y", True), ("", False), ("é" * 9, True)],
)
def test_the_expression_of_ext_id_allows_white_space_inside(text: str, expected: bool) -> None:
    assert bool(re.search(fields.ExtId.accepted[0]["pattern"], text)) == expected


@given(st.integers(1, LARGEST) | st.integers(LARGEST - 10**6, LARGEST))
def test_the_expression_of_user_id_admits_every_id(user_id: int) -> None:
    assert re.search(fields.UserId.accepted[1]["pattern"], str(user_id))


@given(st.integers(max_value=0) | st.integers(LARGEST + 1) | st.integers(0).map(lambda n: f"0{n}"))
def test_the_expression_of_user_id_admits_nothing_else(user_id: object) -> None:
    assert not re.search(fields.UserId.accepted[1]["pattern"], str(user_id))


@given(st.ip_addresses(v=6), st.booleans())
def test_every_ipv6_address_may_be_a_host(address: IPv6Address, in_full: bool) -> None:
    host = address.exploded if in_full else address.compressed
    assert re.search(fields.ProfileUrl.accepted[0]["pattern"], f"https://[{host}]/")


@given(st.text("0123456789abcdefABCDEF:.", min_size=2, max_size=20))
def test_nothing_else_in_brackets_may(text: str) -> None:
    try:
        expected = bool(IPv6Address(text))
    except ValueError:
        expected = False
    pattern = fields.ProfileUrl.accepted[0]["pattern"]
    assert bool(re.search(pattern, f"https://[{text}]/")) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (facebook(metadata=None), True),
        (facebook(metadata=False), False),
        (external(profile_url=None, show_in_profile=False), True),
        (external(profile_url=False), False),
        (external(show_in_profile=None), False),
        (external(metadata={"a": [{"b": None}, 1.5, 2**63 - 1, "x", True]}), True),
        (external(metadata={"a": [{"b": 2**63}]}), False),
        (external(metadata={"a": [{"b\0": 1}]}), False),
        (external(metadata={"a": ["\0"]}), False),
        (external(metadata="[]"), False),
        (facebook(ext_id=2**53 - 1), True),
        (facebook(ext_id=2**53), False),
        (facebook(ext_id=-(2**53)), False),
        (facebook(provider="google.com"), True),
        (facebook(profile_url="https://x/:65536"), True),
        (facebook(profile_url="https://x:65536/"), False),
        (facebook(profile_url="https://é.example/"), False),
        (facebook(profile_url="https://user@x/"), False),
    ],
)
def test_a_create_is_described_as_it_is_treated(
    client: FlaskClient, document: Document, body: Json, expected: bool
) -> None:
    status = client.post(PATH, json=body, headers=as_user(7)).status_code
    described = document.accepts(document.body(FIRST, "post")["schema"], body)
    assert (status, described) == ((201, True) if expected else (400, False))


@pytest.mark.parametrize(
    "body",
    [facebook(), facebook(metadata=None), external(), external(show_in_profile=False)],
)
def test_a_change_of_nothing_is_not_described(document: Document, body: Json) -> None:
    assert not document.accepts(document.body(FIRST, "patch")["schema"], body)


@FORMS
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (facebook(profile_url=None, show_in_profile=False), True),
        (external(metadata={}, whatever=1), True),
        ({}, True),
        ({"user_id": "7"}, True),
        ({"provider": "facebook", "ext_id": 5}, True),
        ({"provider": "facebook"}, False),
        ({"ext_id": "fb-1"}, False),
        (facebook(user_id="07"), False),
    ],
)
def test_a_delete_is_described(document: Document, path: str, body: Json, expected: bool) -> None:
    assert document.accepts(document.body(path, "delete")["schema"], body) == expected


@FORMS
def test_a_representation_holds_all_its_keys_and_no_others(document: Document, path: str) -> None:
    for branch in document.branches(document.response(path, "post", "201")):
        assert sorted(branch["required"]) == sorted(branch["properties"])
        assert branch["additionalProperties"] is False


@FORMS
@pytest.mark.parametrize("method", ["post", "patch"])
def test_user_id_is_required_only_where_the_path_does_not_name_the_user(
    document: Document, path: str, method: str
) -> None:
    for branch in document.whole(document.body(path, method)["schema"])["oneOf"]:
        assert ("user_id" in document.whole(branch)["required"]) == (path == FIRST)


@pytest.mark.parametrize(
    ("listed", "linkable"),
    [
        ("", {"facebook", "github", "external"}),
        ("github,external", {"github", "external"}),
        ("github", {"github"}),
        ("external", {"external"}),
    ],
)
def test_only_the_listed_providers_are_described_for_a_create(
    make_app: Callable[..., Flask], listed: str, linkable: set[str]
) -> None:
    document = openapi.read(make_app(PROVIDERS=listed).test_client())
    media = document.body(FIRST, "post")
    names = {"facebook", "github", "external"}
    described = {
        name for name in names if document.accepts(media["schema"], facebook(provider=name))
    }
    assert described == linkable
    assert all(document.accepts(media["schema"], body) for body in document.examples(media))
    # The links of others can still be changed and deleted.
    change = facebook(show_in_profile=True)
    assert document.accepts(document.body(FIRST, "patch")["schema"], change)
