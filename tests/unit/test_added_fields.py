"""Schemas and fields without HTTP: what holds for fields that are not there yet."""

from copy import deepcopy
from typing import Any

import pytest
from marshmallow import Schema, ValidationError, validate
from marshmallow import fields as ma

from service.schemas import fields, providers
from service.schemas.associations import (
    AssociationSchema,
    ChangeSchema,
    CreateSchema,
    PairSchema,
    QuerySchema,
)
from service.schemas.events import EventSchema
from service.schemas.messages import Message
from service.schemas.metadata import Metadata
from service.schemas.moments import Moment
from service.schemas.transfers import All
from tests.support.factories import event

GOOD: dict[type[fields.Field], Any] = {
    fields.UserId: 7,
    fields.Provider: "facebook",
    fields.ExtId: "fb-1",
    fields.ProfileUrl: "https://example.com/",
    fields.ShowInProfile: True,
    fields.Decimal: "7",
    Metadata: {},
    Moment: "2026-11-26T07:00:00Z",
    All: True,
}
PAIR = {"user_id": 7, "provider": "facebook", "ext_id": "fb-1"}


def refused(schema: Schema, data: dict[str, Any]) -> dict[str, str]:
    """The code for each wrong field."""
    with pytest.raises(ValidationError) as error:
        schema.load(data)
    messages = error.value.normalized_messages()
    return {name: getattr(texts[0], "code", texts[0]) for name, texts in messages.items()}


def test_there_is_a_good_value_for_every_field() -> None:
    assert set(GOOD) == set(fields.Field.__subclasses__())


@pytest.mark.parametrize("kind", GOOD)
def test_a_validator_is_asked(kind: type[fields.Field]) -> None:
    asked: list[object] = []
    kind(validate=asked.append).deserialize(GOOD[kind])
    assert len(asked) == 1


@pytest.mark.parametrize("kind", GOOD)
def test_a_validator_may_refuse(kind: type[fields.Field]) -> None:
    schema = Schema.from_dict(
        {"field": kind(validate=validate.NoneOf([kind().deserialize(GOOD[kind])]))}
    )()
    assert refused(schema, {"field": GOOD[kind]}) == {"field": "Invalid input."}


@pytest.mark.parametrize("kind", GOOD)
def test_the_rule_of_a_field_is_its_message(kind: type[fields.Field]) -> None:
    with pytest.raises(ValidationError, match="^" + kind.rule[:20]):
        kind().deserialize(object())


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize(("value", "code"), [(..., "required"), (None, "null")])
def test_what_is_missing_or_null_has_a_code(
    kind: type[fields.Field], value: object, code: str
) -> None:
    schema = Schema.from_dict({"field": kind(required=True)})()
    assert refused(schema, {} if value is ... else {"field": value}) == {"field": code}


def test_a_message_keeps_its_code_when_it_is_copied() -> None:
    copied = deepcopy(Message("unknown", "x"))
    assert (copied, copied.code) == ("x", "unknown")


def test_a_message_keeps_its_code_when_it_is_formatted() -> None:
    message = Message("max", "{n} at most").format(n=3)
    assert (message, message.code) == ("3 at most", "max")


def test_a_field_of_marshmallow_has_a_code_too() -> None:
    class WithNoteSchema(PairSchema):
        note = ma.String(required=True)

    assert refused(WithNoteSchema(), PAIR) == {"note": "required"}


def test_a_detail_that_no_provider_has_stops_the_start() -> None:
    class WithMottoSchema(CreateSchema):
        motto = ma.String()

    with pytest.raises(TypeError, match=r"motto.*schemas/providers\.py"):
        WithMottoSchema()


def test_a_create_holds_every_detail() -> None:
    assert CreateSchema().load(PAIR) == PAIR | dict(providers.UNSET)


@pytest.mark.parametrize("provider", ["facebook", *providers.OF_NAMED])
def test_a_change_holds_what_was_sent_and_no_more(provider: str) -> None:
    for name, unset in providers.details_of(provider).items():
        loaded = ChangeSchema().load(PAIR | {"provider": provider, name: unset})
        assert loaded == PAIR | {"provider": provider, "changes": {name: unset}}


@pytest.mark.parametrize("provider", ["facebook", *providers.OF_NAMED])
def test_a_representation_holds_the_identity_and_the_provider_s_details(provider: str) -> None:
    row = Row(**PAIR | {"provider": provider} | dict(providers.UNSET))
    assert list(AssociationSchema().dump(row)) == [*PAIR, *providers.details_of(provider)]


def test_a_list_is_as_long_as_what_it_is_made_of() -> None:
    row = Row(**PAIR, **providers.UNSET)
    assert len(AssociationSchema(many=True).dump([row, row])) == 2


def test_a_list_of_events_is_as_long_as_what_it_is_made_of() -> None:
    assert len(EventSchema(many=True).dump([event(), event()])) == 2


def test_all_that_is_wrong_is_reported_at_once() -> None:
    body = {"provider": "external", "ext_id": "", "profile_url": GOOD[fields.ProfileUrl], "x": 1}
    assert refused(CreateSchema(), body) == {
        "user_id": "required",
        "ext_id": "invalid",
        "profile_url": "not_applicable",
        "x": "unknown",
    }


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ({"provider": "facebook"}, {"ext_id": "required"}),
        ({"ext_id": "fb-1"}, {"provider": "required"}),
        (PAIR, {"user_id": "invalid"}),
    ],
)
def test_a_look_up_takes_the_pair_and_nothing_else(
    query: dict[str, Any], codes: dict[str, str]
) -> None:
    assert refused(QuerySchema(), query) == codes


class Row:
    """A row of the store."""

    def __init__(self, **columns: Any) -> None:
        vars(self).update(columns)
