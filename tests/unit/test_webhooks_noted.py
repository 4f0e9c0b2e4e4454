"""How far an address is: noted also in a busy database's moments, and what is left."""

import sqlite3
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from service.database import Unavailable, db
from service.models import Event
from service.store import events, webhooks
from service.webhooks.delivering import SAVES
from tests.support.databases import watching
from tests.support.delivering import deliver_once, delivering, make_events
from tests.support.receiver import Receiver
from tests.support.stored import link
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


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
