"""Every event to every address: in order, at least once, whatever the receivers do."""

import asyncio
import itertools
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from service.webhooks.delivering import Times
from tests.support.delivering import (
    deliver_once,
    delivering,
    failing,
    make_events,
    named,
    with_sender,
)
from tests.support.receiver import SECRET, Delivery, Receiver
from tests.support.stored import link
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def test_every_event_comes_in_the_order_of_ids(receiver: Receiver) -> None:
    make_events(5)
    assert deliver_once(receiver.url)
    assert receiver.ids() == [1, 2, 3, 4, 5]
    assert [delivery.event()["ext_id"] for delivery in receiver.received][:2] == ["fb-0", "fb-1"]


def test_an_event_that_nobody_read_yet_comes(receiver: Receiver) -> None:
    link()
    assert deliver_once(receiver.url)
    assert receiver.ids() == [1]


def test_what_was_acknowledged_does_not_come_again(receiver: Receiver) -> None:
    make_events(2)
    deliver_once(receiver.url)
    make_events(1, prefix="new")
    assert deliver_once(receiver.url)
    assert receiver.ids() == [1, 2, 3]


def test_once_is_not_all_when_an_attempt_fails(receiver: Receiver) -> None:
    make_events(3)
    receiver.answer = lambda delivery: 200 if delivery.id < 2 else 500
    assert not deliver_once(receiver.url)
    assert receiver.ids() == [1, 2]


def test_once_tries_also_before_the_next_attempt_is_due(receiver: Receiver) -> None:
    make_events(1)
    receiver.answer = failing(1)
    deliver_once(receiver.url, first_retry=1000)
    assert deliver_once(receiver.url)
    assert receiver.ids() == [1, 1]


def test_once_ends_with_what_was_there(receiver: Receiver, app: Flask) -> None:
    def link_another(delivery: Delivery) -> int:
        with app.app_context():
            link(ext_id=f"more-{delivery.id}")
        return 200

    make_events(2)
    receiver.answer = link_another
    assert deliver_once(receiver.url)
    assert receiver.ids() == [1, 2]


def test_once_begins_nothing_more_when_it_is_to_end(receiver: Receiver) -> None:
    make_events(3)
    deliveries: list[Any] = []

    def end(_: Delivery) -> int:
        deliveries[0].end()
        return 200

    async def run(delivery: Any) -> bool:
        deliveries.append(delivery)
        done: bool = await delivery.run_once()
        return done

    receiver.answer = end
    assert not asyncio.run(with_sender(named([receiver.url]), [SECRET], {}, run))
    assert receiver.ids() == [1]


def test_a_failed_event_is_sent_again_before_the_next(receiver: Receiver, app: Flask) -> None:
    make_events(3)
    receiver.answer = failing(2)
    with delivering(app, receiver.url, first_retry=0.01):
        eventually(lambda: len(receiver.received) == 9)
    assert receiver.ids() == [1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_new_events_are_noticed(receiver: Receiver, app: Flask) -> None:
    with delivering(app, receiver.url):
        make_events(2)
        eventually(lambda: receiver.ids() == [1, 2])


def test_each_retry_waits_longer(receiver: Receiver, app: Flask) -> None:
    make_events(1)
    receiver.answer = failing(3)
    with delivering(app, receiver.url, first_retry=0.2):
        eventually(lambda: len(receiver.received) == 4)
    times = [delivery.at for delivery in receiver.received]
    first, second, third = (later - one for one, later in itertools.pairwise(times))
    # At least: a busy machine may be late.
    assert (first >= 0.16, second >= 0.32, third >= 0.64) == (True, True, True)


def test_the_pause_doubles_up_to_an_hour() -> None:
    for attempts, seconds in enumerate([5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600], 1):
        pauses = [Times().until_retry(attempts).total_seconds() for _ in range(200)]
        assert seconds * 0.8 <= min(pauses) < seconds * 0.85
        assert seconds * 1.15 < max(pauses) <= seconds * 1.2
    assert Times().until_retry(100_000) <= timedelta(seconds=3600 * 1.2)


def test_the_times_are_those_of_the_contract() -> None:
    assert (Times().attempt, Times().first_retry, Times().longest_retry) == (15, 5, 3600)
    assert Times().give_up == timedelta(days=3).total_seconds()


def test_an_address_that_hangs_holds_up_no_other(
    receiver: Receiver, other: Receiver, app: Flask
) -> None:
    make_events(5)
    receiver.answer = receiver.silence
    with delivering(app, receiver.url, other.url):
        eventually(lambda: other.ids() == [1, 2, 3, 4, 5], 1.5)
        assert len(receiver.received) == 1


def test_an_address_that_refuses_holds_up_no_other(receiver: Receiver, other: Receiver) -> None:
    make_events(3)
    receiver.answer = lambda _: 500
    assert not deliver_once(receiver.url, other.url)
    assert (receiver.ids(), other.ids()) == ([1], [1, 2, 3])


def test_a_receiver_that_hangs_gets_the_event_again(receiver: Receiver, app: Flask) -> None:
    make_events(1)
    receiver.answer = receiver.silence
    with delivering(app, receiver.url, attempt=0.2):
        eventually(lambda: len(receiver.received) == 2)


def test_the_log_holds_neither_the_event_nor_the_url(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    make_events(1)
    for answer in (500, 200):
        receiver.answer = lambda _, answer=answer: answer  # type: ignore[misc]
        deliver_once(f"{receiver.url}?token=hunter2")
    lines = [str(vars(record)) for record in caplog.records if "httpcore" not in record.name]
    assert len(lines) >= 2
    assert not [line for line in lines if "hunter2" in line or "fb-0" in line or "whsec" in line]
