"""The detailed form: a representation with when and by whom it was made."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from flask import Flask

from service import strict_json
from service.schemas.detailed import DetailedSchema
from service.store import users
from tests.support.factories import shown
from tests.support.stored import insert

MADE = datetime(2026, 1, 2, 3, 4, 5, 6, timezone(timedelta(hours=2)))


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.mark.parametrize(
    "stored",
    [
        {"provider": "facebook", "show_in_profile": True},
        {"provider": "external", "metadata": {"a": 1e300}},
        {"provider": "external"},
    ],
)
def test_the_detailed_form_is_the_representation_with_times_and_maker(
    stored: dict[str, Any],
) -> None:
    insert(created_at=MADE, updated_at=MADE + timedelta(days=1), created_by=1, **stored)
    (row,) = users.stored(7).associations
    assert strict_json.loads(strict_json.to_bytes(DetailedSchema().dump(row)).decode()) == {
        **shown({"user_id": 7, "ext_id": "fb-1", **stored}),
        "created_at": "2026-01-02T01:04:05.000006Z",
        "updated_at": "2026-01-03T01:04:05.000006Z",
        "created_by": 1,
    }


def test_a_whole_second_has_its_microseconds_too() -> None:
    insert(created_at=datetime(2026, 1, 2, tzinfo=UTC))
    assert [one["created_at"] for one in DetailedSchema(many=True).dump(users.stored(7)[0])] == [
        "2026-01-02T00:00:00.000000Z"
    ]
