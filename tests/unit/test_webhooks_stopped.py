"""An address that is stopped, and a process: what is resumed, replayed, taken over."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from service.database import Unavailable, db
from service.store import webhooks
from tests.support.databases import ON_SQLITE
from tests.support.delivering import deliver_once, delivering, make_events
from tests.support.receiver import Delivery, Receiver
from tests.support.waiting import becomes, eventually


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def test_410_stops_the_address(receiver: Receiver, other: Receiver, app: Flask) -> None:
    make_events(2)
    receiver.answer = lambda _: 410
    with delivering(app, receiver.url, other.url, first_retry=0.01):
        eventually(lambda: other.ids() == [1, 2] and receiver.ids() == [1])
        assert not becomes(lambda: len(receiver.received) > 1, 0.3)
    assert webhooks.state(receiver.url).stopped_at


def test_once_is_not_all_when_an_address_is_stopped(receiver: Receiver) -> None:
    make_events(1)
    receiver.answer = lambda _: 410
    assert not deliver_once(receiver.url)
    assert not deliver_once(receiver.url)
    assert receiver.ids() == [1]


def test_410_is_loud(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    make_events(1)
    receiver.answer = lambda _: 410
    deliver_once(receiver.url)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_restart_goes_on_where_it_was(receiver: Receiver, app: Flask) -> None:
    make_events(2)
    with delivering(app, receiver.url):
        eventually(lambda: receiver.ids() == [1, 2])
    make_events(2, prefix="new")
    with delivering(app, receiver.url):
        eventually(lambda: receiver.ids() == [1, 2, 3, 4])


def test_a_restart_does_not_hurry_a_retry(receiver: Receiver, app: Flask) -> None:
    make_events(1)
    receiver.answer = lambda _: 500
    deliver_once(receiver.url, first_retry=1000)
    with delivering(app, receiver.url):
        assert not becomes(lambda: len(receiver.received) > 1, 0.3)


def test_a_replay_is_noticed(receiver: Receiver, app: Flask) -> None:
    make_events(3)
    with delivering(app, receiver.url):
        eventually(lambda: receiver.ids() == [1, 2, 3])
        webhooks.set_back(receiver.url, 1)
        eventually(lambda: receiver.ids() == [1, 2, 3, 2, 3])


def test_a_replay_while_an_attempt_is_under_way_is_not_lost(receiver: Receiver, app: Flask) -> None:
    def set_back(delivery: Delivery) -> int:
        if len(receiver.received) == 3:
            with app.app_context():
                webhooks.set_back(receiver.url, 1)
        return 200

    make_events(3)
    receiver.answer = set_back
    assert deliver_once(receiver.url)
    assert receiver.ids() == [1, 2, 3, 2, 3]


def test_a_replay_does_not_wait_for_a_retry(receiver: Receiver, app: Flask) -> None:
    make_events(2)
    receiver.answer = lambda delivery: 500 if delivery.id == 2 else 200
    with delivering(app, receiver.url, first_retry=1000):
        eventually(lambda: receiver.ids() == [1, 2])
        webhooks.set_back(receiver.url, 0)
        eventually(lambda: receiver.ids() == [1, 2, 1, 2])


def test_a_replay_never_goes_forward(receiver: Receiver) -> None:
    make_events(3)
    deliver_once(receiver.url)
    webhooks.set_back(receiver.url, 2)
    webhooks.set_back(receiver.url, 3)
    assert webhooks.state(receiver.url).acknowledged_id == 2


def test_one_works_and_the_others_wait(receiver: Receiver, other: Receiver, app: Flask) -> None:
    make_events(1)
    with delivering(app, receiver.url):
        eventually(lambda: receiver.ids() == [1])
        with delivering(app, other.url):
            assert not becomes(lambda: other.received, 0.3)
    with delivering(app, other.url):
        eventually(lambda: other.ids() == [1])


@ON_SQLITE
def test_a_lock_that_can_t_be_opened_is_named(receiver: Receiver) -> None:
    lock = Path(f"{db.engine.url.database}-deliver")
    lock.unlink(missing_ok=True)
    lock.mkdir()
    with pytest.raises(Unavailable, match=f"{lock} can't be opened: Is a directory"):
        deliver_once(receiver.url)
    lock.rmdir()


def test_once_is_not_all_while_another_process_works(receiver: Receiver, app: Flask) -> None:
    with delivering(app, receiver.url):
        make_events(1)
        eventually(lambda: receiver.ids() == [1])
        assert not deliver_once(receiver.url)
