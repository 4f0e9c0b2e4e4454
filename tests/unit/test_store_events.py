"""Every change has its event; the feed, a user's history, pruning."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from service.database import Unavailable, db, execute
from service.models import Event
from service.store import associations, events, numbering, transfers, users
from tests.support.databases import ON_POSTGRESQL, in_context, postgresql
from tests.support.stored import BY, feed, link, types, write_without_ids


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def test_a_create_is_an_event() -> None:
    link(created_by=9)
    (event,) = feed()
    assert event.occurred_at <= datetime.now(UTC)
    assert event._replace(occurred_at=None)._asdict() == {
        "id": 1,
        "type": "association.created",
        "occurred_at": None,
        "user_id": 7,
        "provider": "facebook",
        "ext_id": "fb-1",
        "actor_id": 9,
        "request_id": None,
        "changed": None,
        "from_user_id": None,
        "deleted": None,
    }


def test_a_change_is_an_event_that_names_the_fields_that_were_set() -> None:
    link()
    associations.change(
        7, "facebook", "fb-1", {"show_in_profile": True, "profile_url": None}, by=BY
    )
    event = feed()[-1]
    assert (event.type, event.changed) == ("association.changed", "profile_url,show_in_profile")
    assert (event.actor_id, event.request_id) == BY


def test_a_delete_is_an_event() -> None:
    link()
    associations.delete(7, "facebook", "fb-1", by=BY)
    event = feed()[-1]
    assert (event.type, event.user_id, event.ext_id) == ("association.deleted", 7, "fb-1")


def test_a_repeated_create_is_none() -> None:
    link()
    link()
    assert types() == ["association.created"]


def test_what_is_refused_is_none() -> None:
    link()
    with pytest.raises(associations.Taken):
        link(user_id=8)
    with pytest.raises(associations.LimitReached):
        link(ext_id="fb-2", limit=1)
    with pytest.raises(associations.NotFound):
        associations.change(8, "facebook", "fb-1", {"show_in_profile": True}, by=BY)
    with pytest.raises(associations.NotFound):
        associations.delete(8, "facebook", "fb-1", by=BY)
    assert types() == ["association.created"]


@contextmanager
def no_event_can_be_written(kind: str) -> Iterator[None]:
    refuse, allow = {
        "sqlite": (
            "CREATE TRIGGER refuse BEFORE INSERT ON social_event"
            " BEGIN SELECT RAISE(ABORT, 'refused'); END",
            "DROP TRIGGER refuse",
        ),
        "postgresql": (
            "ALTER TABLE social_event ADD CONSTRAINT refuse CHECK (false) NOT VALID",
            "ALTER TABLE social_event DROP CONSTRAINT refuse",
        ),
    }[kind]
    with db.engine.connect() as connection:
        connection.execute(sa.text(refuse))
        try:
            yield
        finally:
            connection.execute(sa.text(allow))


@pytest.mark.parametrize(
    "change",
    [
        lambda: link(ext_id="fb-2"),
        lambda: associations.change(7, "facebook", "fb-1", {"show_in_profile": True}, by=BY),
        lambda: associations.delete(7, "facebook", "fb-1", by=BY),
        lambda: users.erase(7, by=BY),
        lambda: transfers.transfer(7, 8, ("facebook", "fb-1"), by=BY, limit=100),
        lambda: transfers.transfer(7, 8, None, by=BY, limit=100),
    ],
    ids=["create", "change", "delete", "erase", "transfer", "transfer all"],
)
def test_a_change_whose_event_can_not_be_written_is_not_made(change: Callable[[], Any]) -> None:
    link()
    before = associations.list_of_user(7, with_hidden=True)
    with no_event_can_be_written(db.engine.dialect.name):
        with pytest.raises((sqlite3.IntegrityError, psycopg.errors.CheckViolation)):
            change()
        assert associations.list_of_user(7, with_hidden=True) == before


def test_ids_begin_at_one_and_have_no_gaps() -> None:
    for number in range(5):
        link(ext_id=f"fb-{number}")
    assert [event.id for event in feed()] == [1, 2, 3, 4, 5]
    link(ext_id="fb-5")
    assert [event.id for event in feed(after=5)] == [6]


def test_the_feed_is_read_in_pages() -> None:
    for number in range(5):
        link(ext_id=f"fb-{number}")
    assert [event.id for event in feed(after=1, limit=2)] == [2, 3]


@pytest.mark.parametrize("look", [events.next_after, events.next_to_send])
def test_the_next_event_is_found_before_anybody_has_read_the_feed(
    look: Callable[[int], Any],
) -> None:
    link()
    assert look(0).ext_id == "fb-1"
    assert look(1) is None


def newest_id() -> int | None:
    return int(events.history(7, before=2**63 - 1, limit=1)[0].id)


def test_more_events_than_are_numbered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbering, "NUMBERING_TIME", 10)
    write_without_ids(1_001)
    assert newest_id() == 1_001


def test_a_history_of_more_than_can_be_numbered_in_time_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_without_ids(1_001)
    monkeypatch.setattr(numbering, "NUMBERING_TIME", -1)
    with pytest.raises(Unavailable):
        newest_id()
    assert newest_id() == 1_001  # each call gets some further


def test_a_history_of_what_is_numbered_at_once_is_answered_however_long_that_took(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    link()
    monkeypatch.setattr(numbering, "NUMBERING_TIME", -1)
    assert newest_id() == 1


def test_what_comes_while_many_are_numbered_at_leisure_is_numbered_too() -> None:
    write_without_ids(numbering.MOST_NUMBERED + 1)

    def run(work: Any, parameters: Any) -> list[Any]:
        rows = execute(work, parameters)
        if len(rows) == numbering.MOST_NUMBERED:
            link(ext_id="meanwhile")
        return rows

    numbering.number_at_leisure(run)
    with db.engine.connect() as connection:
        left = connection.scalar(sa.select(sa.func.count()).where(Event.id.is_(None)))
    assert left == 0


def test_the_feed_is_answered_however_many_have_no_id_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    write_without_ids(1_001)
    monkeypatch.setattr(numbering, "NUMBERING_TIME", -1)
    assert [event.id for event in feed(limit=1)] == [1]


@ON_POSTGRESQL
def test_what_commits_late_gets_a_later_id(database_url: str) -> None:
    with postgresql(database_url) as late:
        late.execute(
            "INSERT INTO social_event (type, occurred_at, user_id, provider, ext_id)"
            " VALUES ('association.deleted', now(), 8, 'google', 'late')"
        )
        link(ext_id="early")
        assert [(event.id, event.ext_id) for event in feed()] == [(1, "early")]
        late.commit()
    assert [(event.id, event.ext_id) for event in feed()] == [(1, "early"), (2, "late")]


@ON_POSTGRESQL
def test_what_was_done_because_of_a_late_one_gets_a_later_id_still(database_url: str) -> None:
    """Also where many are numbered in batches, and it is committed between two of them."""
    with postgresql(database_url) as late:
        late.execute(
            "INSERT INTO social_event (type, occurred_at, user_id, provider, ext_id)"
            " VALUES ('association.created', now(), 8, 'google', 'late')"
        )
        write_without_ids(numbering.MOST_NUMBERED + 1)

        def run(work: Any, parameters: Any) -> list[Any]:
            rows = execute(work, parameters)
            if len(rows) == numbering.MOST_NUMBERED:
                late.commit()
                link(user_id=8, ext_id="because of it")
            return rows

        numbering.number_at_leisure(run)
    newest = events.history(8, before=2**63 - 1, limit=2)
    assert [event.ext_id for event in newest] == ["because of it", "late"]


def patiently(act: Callable[[], Any]) -> Any:
    """Again while it is unavailable, as clients do: eight writers are many for SQLite."""
    while True:
        try:
            return act()
        except Unavailable:
            pass


def test_who_follows_the_feed_beside_writers_misses_and_doubles_nothing(app: Flask) -> None:
    def write(writer: int) -> None:
        for number in range(20):
            patiently(lambda n=number: link(user_id=writer + 1, ext_id=f"{writer}-{n}"))

    seen: list[Any] = []
    with ThreadPoolExecutor(10) as pool:
        writing = [pool.submit(in_context, app, lambda n=n: write(n)) for n in range(8)]  # type: ignore[misc]
        while len(seen) < 160 and not any(w.done() and w.exception() for w in writing):
            seen += patiently(partial(feed, seen[-1].id if seen else 0, 7))
        for writer in writing:
            writer.result(60)
    assert [event.id for event in seen] == list(range(1, 161))
    assert len({event.ext_id for event in seen}) == 160


def test_a_history_is_that_of_the_user_the_newest_first() -> None:
    link()
    link(user_id=8, ext_id="fb-8")
    associations.delete(7, "facebook", "fb-1", by=BY)
    newest = events.history(7, before=2**63 - 1, limit=10)
    assert [(event.id, event.type) for event in newest] == [
        (3, "association.deleted"),
        (1, "association.created"),
    ]
    assert [event.id for event in events.history(7, before=3, limit=10)] == [1]
    assert [event.id for event in events.history(7, before=2**63 - 1, limit=1)] == [3]


def test_who_gave_a_link_away_has_that_in_the_history() -> None:
    with db.engine.begin() as connection:
        connection.execute(
            sa.insert(Event).values(
                type="association.transferred",
                occurred_at=datetime.now(UTC),
                user_id=9,
                from_user_id=7,
                provider="facebook",
                ext_id="fb-1",
            )
        )
    assert [event.from_user_id for event in events.history(7, before=2**63 - 1, limit=10)] == [7]
    assert [event.user_id for event in events.history(9, before=2**63 - 1, limit=10)] == [9]


def _made_old(count: int) -> None:
    for number in range(count):
        link(ext_id=f"fb-{number}")
    feed()
    with db.engine.begin() as connection:
        connection.execute(
            sa.update(Event).values(occurred_at=datetime.now(UTC) - timedelta(days=3))
        )


def test_old_events_are_pruned_in_batches() -> None:
    _made_old(5)
    before = datetime.now(UTC) - timedelta(days=2)
    assert [events.prune(before, batch=2) for _ in range(4)] == [2, 2, 1, 0]


def test_young_events_are_kept() -> None:
    _made_old(3)
    link(ext_id="young")
    events.prune(datetime.now(UTC) - timedelta(days=2), batch=100)
    assert [(event.id, event.ext_id) for event in feed(after=3)] == [(4, "young")]


def _occurred(**days_ago: float) -> None:
    """Give events, named by their ids as `e1`, other times."""
    with db.engine.begin() as connection:
        for name, days in days_ago.items():
            moment = datetime.now(UTC) - timedelta(days=days)
            event = sa.update(Event).where(Event.id == int(name.removeprefix("e")))
            connection.execute(event.values(occurred_at=moment))


def _pruned() -> int:
    """How many are gone, two at a time, of what is older than two days."""
    before, count = datetime.now(UTC) - timedelta(days=2), 0
    while batch := events.prune(before, batch=2):
        count += batch
    return count


def test_events_of_the_future_go_with_the_old_one_that_follows() -> None:
    """Written while a clock was wrong: they say nothing of how old they are."""
    _made_old(6)
    _occurred(e1=-900, e3=-1, e4=-900, e5=-900)
    assert _pruned() == 6


def test_an_event_of_the_future_stays_until_an_old_one_follows() -> None:
    _made_old(3)
    _occurred(e3=-900)
    assert _pruned() == 2
    link(ext_id="young")
    assert [event.id for event in feed(after=2)] == [3, 4]
    assert _pruned() == 0


@pytest.mark.parametrize("days", [1, -900])
def test_an_event_of_long_ago_takes_no_young_one_with_it(days: float) -> None:
    """A clock that was behind must not take away what its neighbours say is young."""
    _made_old(4)
    _occurred(e1=days, e2=1, e4=20_000)
    assert _pruned() == 0


def test_to_ask_below_what_was_pruned_is_refused() -> None:
    _made_old(3)
    link(ext_id="young")
    events.prune(datetime.now(UTC) - timedelta(days=2), batch=100)
    with pytest.raises(events.Gone):
        feed(after=2)


def test_ids_go_on_after_all_was_pruned() -> None:
    _made_old(3)
    events.prune(datetime.now(UTC), batch=100)
    link(ext_id="next")
    assert [event.id for event in feed(after=3)] == [4]
