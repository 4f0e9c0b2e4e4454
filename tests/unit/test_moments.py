"""How a moment is read and written."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from service.schemas.moments import Moment, timestamp


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine's own time is fourteen hours ahead."""
    monkeypatch.setenv("TZ", "EAST-14")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("text", ["9998-12-31T23:59:59.999999Z", "1970-01-01T00:00:00.000000Z"])
def test_the_time_zone_of_the_machine_does_not_matter(far_east: None, text: str) -> None:
    moment = Moment().deserialize(text)
    assert moment == datetime.fromisoformat(text)
    assert timestamp(moment) == text


def test_another_zone_s_moment_is_written_in_utc(far_east: None) -> None:
    assert timestamp(datetime(2026, 1, 2, tzinfo=UTC).astimezone()) == "2026-01-02T00:00:00.000000Z"
