"""Every event to every address: in order, at least once, whatever the receivers do."""

import asyncio
import itertools
import logging
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from service.database import Unavailable, db
from service.models import Event
from service.store import events, numbering, users, webhooks
from service.store.recording import Origin
from service.webhooks.delivering import SAVES, Times
from tests.support.databases import ON_SQLITE, watching
from tests.support.delivering import deliver_once, delivering, named, with_sender
from tests.support.receiver import SECRET, Delivery, Receiver
from tests.support.stored import link
from tests.support.waiting import becomes, eventually


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def make_events(count: int, *, prefix: str = "fb") -> None:
    for number in range(count):
        link(ext_id=f"{prefix}-{number}")
    numbering.number(all_of_them=True)


def failing(times: int) -> Callable[[Delivery], int]:
    """503 so often for each event, then 200."""
    seen: dict[int, int] = {}

    def answer(delivery: Delivery) -> int:
        seen[delivery.id] = seen.get(delivery.id, 0) + 1
        return 503 if seen[delivery.id] <= times else 200

    return answer


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


class _Refusing:
    """Refuses writes of the deliverer's for a while, as a database that is busy does."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self, plain: Any, statement: str, parameters: Any) -> None:
        if statement.startswith("UPDATE social_webhook") and self.left:
            self.left -= 1
            if "postgresql" in db.engine.dialect.name:
                raise psycopg.errors.LockNotAvailable("busy")
            error = sqlite3.OperationalError("busy")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error


def test_an_acknowledgement_is_noted_after_a_busy_moment(receiver: Receiver) -> None:
    make_events(2)
    with watching(_Refusing(2)):
        assert deliver_once(receiver.url)
    assert receiver.ids() == [1, 2]


def test_a_busy_moment_of_the_database_ends_nothing_and_is_logged_once(
    receiver: Receiver,
    app: Flask,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    next_to_send, refusals = events.next_to_send, iter(3 * [Unavailable("busy")])

    def busy_at_first(after: int) -> Any:
        for refusal in refusals:
            raise refusal
        return next_to_send(after)

    make_events(1)
    monkeypatch.setattr(events, "next_to_send", busy_at_first)
    with delivering(app, receiver.url):
        eventually(lambda: receiver.ids() == [1])
    waiting = [r for r in caplog.records if r.message == "the database is waited for"]
    assert [record.reason for record in waiting] == ["busy"]  # type: ignore[attr-defined]


def test_what_can_t_be_noted_is_sent_again(receiver: Receiver, app: Flask) -> None:
    make_events(1)
    with watching(_Refusing(SAVES + 1)), pytest.raises(Unavailable):
        deliver_once(receiver.url)
    assert deliver_once(receiver.url)
    assert receiver.ids() == [1, 1]


def test_a_backlog_counts_what_is_undelivered(receiver: Receiver) -> None:
    make_events(3)
    receiver.answer = lambda delivery: 200 if delivery.id < 2 else 500
    deliver_once(receiver.url)
    oldest = events.feed(1, 1)[0].occurred_at
    assert webhooks.backlog(receiver.url) == (2, oldest)


def test_a_backlog_sees_what_nobody_read_yet(receiver: Receiver) -> None:
    link()
    assert webhooks.backlog(receiver.url).undelivered == 1


def test_a_backlog_counts_what_came_since_an_address_fails(receiver: Receiver) -> None:
    make_events(1)
    link(ext_id="later")
    assert webhooks.backlog(receiver.url).undelivered == 2


def test_a_backlog_is_known_before_all_is_numbered(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_events(1)

    def many(**_: Any) -> None:
        raise Unavailable("many")

    monkeypatch.setattr(webhooks, "number", many)
    link(ext_id="later")
    assert webhooks.backlog(receiver.url).undelivered == 1


def test_there_is_no_backlog_when_all_is_delivered(receiver: Receiver) -> None:
    make_events(2)
    deliver_once(receiver.url)
    assert webhooks.backlog(receiver.url) == (0, None)


def test_there_is_no_backlog_of_what_was_erased(receiver: Receiver) -> None:
    make_events(2)
    with db.engine.begin() as connection:
        connection.execute(sa.delete(Event))
    assert webhooks.backlog(receiver.url) == (0, None)
