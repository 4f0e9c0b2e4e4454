"""The quick way through the schemas of a create accepts what marshmallow accepts, and no more."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import EXCLUDE, Schema, ValidationError, missing

from service.schemas.lines import LineSchema
from service.schemas.messages import Message
from tests.support.factories import external, facebook

SCHEMA = LineSchema()
ODD: Any = st.sampled_from(
    [None, True, 0, 1.5, "", " ", "\0", "\ud800", [], {}, Message("invalid_choice", "Not here.")]
)
IDS: Any = st.sampled_from([1, 7, "7", "07", -1, 2**63 - 1, 2**63, 2**53])
MOMENTS: Any = st.sampled_from(
    ["2019-05-01T12:00:00.000001Z", "2019-05-01T12:00:00+02:00", "2019-02-30T12:00:00Z", "2019"]
)
VALUES: dict[str, Any] = {
    "user_id": IDS,
    "provider": st.sampled_from(["external", "facebook", "google", "Google", "a" * 64, "a" * 65]),
    "ext_id": IDS | st.text(max_size=4) | st.sampled_from(["x" * 255, "x" * 256]),
    "profile_url": st.sampled_from([None, "https://a.example/", "ftp://a.example/", "x" * 2049]),
    "show_in_profile": st.booleans(),
    "metadata": st.none()
    | st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=3)
    | st.sampled_from(['{"a": 1}', '{"a": 1, "a": 2}', {"a": "x" * 2**14}]),
    "created_at": MOMENTS,
    "updated_at": MOMENTS,
    "created_by": IDS,
}
IDENTITY = {
    "user_id": st.just(7),
    "provider": st.sampled_from(["external", "google"]),
    "ext_id": st.just("fb-1"),
}
DETAILS = {name: values for name, values in VALUES.items() if name not in IDENTITY}
# Most are good but for a field or none: of those where everything varies few are accepted.
LINES = st.one_of(
    st.fixed_dictionaries(IDENTITY, optional=DETAILS),
    st.fixed_dictionaries({}, optional={name: v | ODD for name, v in VALUES.items()}),
    st.fixed_dictionaries(IDENTITY | {"motto": ODD}, optional=DETAILS),
)


def loaded(line: dict[str, Any]) -> dict[str, Any] | None:
    """Marshmallow's own way."""
    try:
        found: dict[str, Any] = Schema.load(SCHEMA, line)
    except ValidationError:
        return None
    return found


@given(LINES)
@example(facebook())
@example(external())
@example(external(show_in_profile=True))
@example(external(show_in_profile=False, metadata='{"a": 1}'))
@example(facebook(motto="x"))
@example({"user_id": 7, "provider": "google"})
@example({})
def test_the_quick_way_gives_what_marshmallow_gives(line: dict[str, Any]) -> None:
    # As texts: 1 is True otherwise. The order of the keys says nothing.
    assert seen(SCHEMA.load_good(line)) == seen(loaded(line))


def test_the_quick_way_knows_every_rule_across_fields() -> None:
    """One that is a method of the schema, and not in `RULES`, would hold for marshmallow alone."""
    hooks = {kind: [name for name, *_ in found] for kind, found in SCHEMA._hooks.items() if found}
    assert hooks == {"validates_schema": ["rules_across_fields_hold"], "post_load": ["complete"]}


def test_the_quick_way_knows_what_the_fields_ask_for() -> None:
    """Another name than its own, or a value for what isn't there, would be marshmallow's alone."""
    for name, field in SCHEMA.fields.items():
        assert (field.data_key, field.attribute) == (None, None), name
        assert field.load_default is missing, name


def seen(found: dict[str, Any] | None) -> str:
    return repr(found and sorted(found.items()))


@pytest.mark.parametrize("line", [facebook(), external(metadata={"a": [1]})])
def test_a_good_line_takes_the_quick_way(line: dict[str, Any]) -> None:
    assert SCHEMA.load_good(line) is not None


def test_a_refused_line_is_refused_by_marshmallow() -> None:
    with pytest.raises(ValidationError) as refused:
        SCHEMA.load(facebook(user_id=0, motto="x"))
    assert refused.value.messages.keys() == {"user_id", "motto"}


@pytest.mark.parametrize("found", [[], None, "x"])
def test_what_is_no_object_is_refused(found: Any) -> None:
    with pytest.raises(ValidationError):
        SCHEMA.load(found)


def test_with_an_option_marshmallow_loads() -> None:
    assert "motto" not in SCHEMA.load(facebook(motto="x"), unknown=EXCLUDE)
