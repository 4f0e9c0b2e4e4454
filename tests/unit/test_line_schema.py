"""The quick way through the schema of an import's line accepts what `load` accepts, and no more."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import ValidationError

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
    try:
        found: dict[str, Any] = SCHEMA.load(line)
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
def test_the_quick_way_gives_what_load_gives(line: dict[str, Any]) -> None:
    # As texts: 1 is True otherwise. The order of the keys says nothing.
    assert seen(SCHEMA.load_good(line)) == seen(loaded(line))


def test_the_quick_way_knows_every_rule_across_fields() -> None:
    """One that is a method of the schema, and not in `RULES`, would hold for `load` alone."""
    hooks = SCHEMA._hooks["validates_schema"]
    assert [name for name, *_ in hooks] == ["rules_across_fields_hold"]


def seen(found: dict[str, Any] | None) -> str:
    return repr(found and sorted(found.items()))


@pytest.mark.parametrize("line", [facebook(), external(metadata={"a": [1]})])
def test_a_good_line_takes_the_quick_way(line: dict[str, Any]) -> None:
    assert SCHEMA.load_good(line) is not None
