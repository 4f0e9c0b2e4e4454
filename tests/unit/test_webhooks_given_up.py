"""An event's turn is over: given up, erased, pruned."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from service.database import db
from service.models import Event
from service.store import events, users, webhooks
from service.store.recording import Origin
from tests.support.delivering import deliver_once, delivering, failing, make_events
from tests.support.receiver import Receiver
from tests.support.stored import link
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def test_an_event_is_given_up_loudly_and_the_next_one_s_turn_comes(
    receiver: Receiver, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    make_events(2)
    receiver.answer = lambda delivery: 500 if delivery.id == 1 else 200
    with delivering(app, receiver.url, give_up=0.3):
        eventually(lambda: receiver.ids()[-1:] == [2])
    given_up = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [(record.message, record.event_id) for record in given_up] == [  # type: ignore[attr-defined]
        ("webhook event given up", 1)
    ]
    assert len(receiver.received) > 3
    assert receiver.received[-2].at - receiver.received[0].at > 0.29


def test_the_next_event_has_its_own_three_days(receiver: Receiver, app: Flask) -> None:
    make_events(2)
    receiver.answer = lambda delivery: 500
    with delivering(app, receiver.url, give_up=0.3):
        eventually(lambda: receiver.ids().count(2) > 2)


def test_before_three_days_an_event_is_not_given_up(receiver: Receiver) -> None:
    make_events(1)
    receiver.answer = lambda _: 500
    for days in (0, 2.9):
        _fails_since(receiver.url, days)
        deliver_once(receiver.url)
    assert webhooks.state(receiver.url).acknowledged_id == 0
    _fails_since(receiver.url, 3.1)
    deliver_once(receiver.url)
    assert webhooks.state(receiver.url).acknowledged_id == 1


def _fails_since(url: str, days: float) -> None:
    now = datetime.now(UTC)
    failure = webhooks.Failure(1, 9, now - timedelta(days=days), now)
    webhooks.postpone(webhooks.state(url), failure)


def test_a_clock_that_was_years_ahead_holds_up_nothing(receiver: Receiver, app: Flask) -> None:
    make_events(1)
    then = datetime.now(UTC) + timedelta(days=1000)
    webhooks.postpone(webhooks.state(receiver.url), webhooks.Failure(1, 9, then, then))
    receiver.answer = failing(1)
    with delivering(app, receiver.url, first_retry=0.0001):
        eventually(lambda: receiver.ids() == [1])
        eventually(lambda: webhooks.state(receiver.url).failing_since < then)
        eventually(lambda: receiver.ids() == [1, 1])


def test_the_three_days_of_an_erased_event_are_not_the_next_one_s(receiver: Receiver) -> None:
    link(user_id=8, ext_id="erased")
    make_events(1)
    _fails_since(receiver.url, 4)
    users.erase(8, by=Origin())
    receiver.answer = lambda _: 500
    deliver_once(receiver.url)
    state = webhooks.state(receiver.url)
    assert (state.acknowledged_id, state.failing_id, state.attempts) == (0, 2, 1)


def test_the_next_event_does_not_wait_for_an_erased_one_s_retry(
    receiver: Receiver, app: Flask
) -> None:
    link(user_id=8, ext_id="erased")
    make_events(1)
    receiver.answer = lambda delivery: 500 if delivery.id == 1 else 200
    with delivering(app, receiver.url, first_retry=1000):
        eventually(lambda: receiver.ids() == [1])
        users.erase(8, by=Origin())
        eventually(lambda: receiver.ids() == [1, 2, 3])


def test_an_erased_event_is_not_sent(receiver: Receiver) -> None:
    make_events(2)
    users.erase(7, by=Origin())
    assert deliver_once(receiver.url)
    assert [delivery.event()["type"] for delivery in receiver.received] == ["user.erased"]
    assert b"fb-" not in receiver.received[0].body


def test_pruned_events_are_passed_over(receiver: Receiver) -> None:
    make_events(3)
    with db.engine.begin() as connection:
        old = sa.update(Event).where(Event.id < 3).values(occurred_at=datetime(2020, 1, 1))
        connection.execute(old)
    events.prune(datetime(2021, 1, 1, tzinfo=UTC), batch=10)
    assert deliver_once(receiver.url)
    assert receiver.ids() == [3]


def test_a_new_address_begins_with_the_oldest_event(receiver: Receiver, other: Receiver) -> None:
    make_events(2)
    deliver_once(receiver.url)
    assert deliver_once(receiver.url, other.url)
    assert other.ids() == [1, 2]
