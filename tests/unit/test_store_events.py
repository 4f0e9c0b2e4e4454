"""Every change has its event; the feed, a user's history, erasure, pruning."""

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

from service.database import Unavailable, db
from service.database.statements import Statement
from service.models import AdminGrant, Association, Event
from service.store import admins, associations, events, numbering, transfers, users
from service.store.recording import Origin
from tests.support.databases import ON_POSTGRESQL, in_context, postgresql
from tests.support.stored import BY, link


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def feed(after: int = 0, limit: int = 500) -> list[Any]:
    return list(events.feed(after, limit))


def types() -> list[str]:
    return [event.type for event in feed()]


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
        yield
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


def write_without_ids(count: int) -> None:
    events_of_7 = [
        {
            "type": "association.deleted",
            "occurred_at": datetime.now(UTC),
            "user_id": 7,
            "provider": "facebook",
            "ext_id": f"fb-{number}",
        }
        for number in range(count)
    ]
    with db.engine.begin() as connection:
        connection.execute(sa.insert(Event), events_of_7)


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


def test_after_an_erasure_nothing_is_left_but_its_event() -> None:
    link()
    link(provider="external", ext_id="canary", metadata={"note": "canary"})
    associations.delete(7, "facebook", "fb-1", by=BY)
    admins.grant(7)
    feed()
    assert users.erase(7, by=Origin(1, "r")) == 1
    with db.engine.connect() as connection:
        assert connection.execute(sa.select(Association.__table__)).all() == []
        assert connection.execute(sa.select(AdminGrant.__table__)).all() == []
    (event,) = feed()
    assert (event.id, event.type, event.user_id, event.deleted) == (4, "user.erased", 7, 1)
    assert (event.provider, event.ext_id, event.actor_id, event.request_id) == (None, None, 1, "r")


def test_an_erasure_leaves_the_others_alone() -> None:
    link()
    link(user_id=8, ext_id="fb-8")
    admins.grant(8)
    users.erase(7, by=BY)
    assert [(event.user_id, event.type) for event in feed()] == [
        (8, "association.created"),
        (7, "user.erased"),
    ]
    assert admins.is_granted(8)
    assert len(associations.list_of_user(8, with_hidden=True)) == 1


def test_to_erase_again_changes_nothing() -> None:
    link()
    users.erase(7, by=BY)
    first = feed()
    assert users.erase(7, by=Origin(1, "again")) == 0
    assert feed() == first


def test_to_erase_somebody_unknown_leaves_no_trace() -> None:
    assert users.erase(7, by=BY) == 0
    assert feed() == []


def test_after_a_new_link_an_erasure_is_a_new_event() -> None:
    link()
    users.erase(7, by=BY)
    link()
    assert users.erase(7, by=BY) == 1
    assert [(event.type, event.deleted) for event in feed()] == [("user.erased", 1)]


CHANGES = {
    "change": """UPDATE social_association SET show_in_profile = true;
        INSERT INTO social_event (type, occurred_at, user_id, provider, ext_id, changed)
        VALUES ('association.changed', now(), 7, 'facebook', 'fb-1', 'show_in_profile')""",
    "create": """INSERT INTO social_association
        SELECT provider, 'fb-2', user_id, profile_url, show_in_profile, metadata, created_at,
            updated_at, created_by FROM social_association;
        INSERT INTO social_event (type, occurred_at, user_id, provider, ext_id)
        VALUES ('association.created', now(), 7, 'facebook', 'fb-2')""",
    "transfer": """UPDATE social_association SET user_id = 7 WHERE user_id = 8;
        INSERT INTO social_event (type, occurred_at, user_id, provider, ext_id, from_user_id)
        VALUES ('association.transferred', now(), 7, 'facebook', 'fb-8', 8)""",
}
REKEY = """
    CREATE TEMP TABLE moved ON COMMIT DROP AS SELECT * FROM social_association;
    DELETE FROM social_association; UPDATE moved SET ext_id = 'n-' || ext_id;
    INSERT INTO social_association SELECT * FROM moved"""


@ON_POSTGRESQL
@pytest.mark.parametrize(
    ("change", "linked"), [(CHANGES["change"], 1), (CHANGES["create"], 2), (CHANGES["transfer"], 2),
    (REKEY, 1)], ids=[*CHANGES, "rekey"],
)  # fmt: skip
def test_an_erasure_waits_for_what_is_under_way(
    app: Flask, database_url: str, change: str, linked: int
) -> None:
    """Else it would be seen after the erasure, and stand before it in the feed."""
    link()
    if change is CHANGES["transfer"]:
        link(user_id=8, ext_id="fb-8")
    with postgresql(database_url) as changing, ThreadPoolExecutor(1) as pool:
        changing.execute(change)
        erasing = pool.submit(in_context, app, lambda: users.erase(7, by=BY))
        with pytest.raises(TimeoutError):
            erasing.result(0.2)
        changing.commit()
        assert erasing.result(5) == linked
    assert [event.type for event in feed() if event.user_id == 7] == ["user.erased"]
    assert not associations.list_of_user(7, with_hidden=True)


@ON_POSTGRESQL
def test_an_erasure_looks_again_for_what_a_rekey_put_back(
    app: Flask, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that began after the erasure did, and was first at the row."""
    link()
    monkeypatch.setattr(users, "_wait_for_changes_under_way", lambda *_: None)
    with postgresql(database_url) as changing, ThreadPoolExecutor(1) as pool:
        changing.execute(REKEY)
        erasing = pool.submit(in_context, app, lambda: users.erase(7, by=BY))
        with pytest.raises(TimeoutError):
            erasing.result(0.2)
        changing.commit()
        assert erasing.result(5) == 1
    assert not associations.list_of_user(7, with_hidden=True)


@ON_POSTGRESQL
def test_what_is_linked_while_an_erasure_is_under_way_comes_after_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link()
    with postgresql(database_url) as changing:

        class AfterItLooked(Statement):
            def run(self, *arguments: Any) -> list[Any]:
                changing.execute(CHANGES["create"])
                changing.commit()
                return super().run(*arguments)

        monkeypatch.setattr(users, "_revoke", AfterItLooked(users._revoke._source))
        assert users.erase(7, by=BY) == 1
    assert types() == ["user.erased", "association.created"]
    assert [row.ext_id for row in associations.list_of_user(7, with_hidden=True)] == ["fb-2"]


@ON_POSTGRESQL
def test_an_erasure_gives_up_on_what_takes_long(database_url: str) -> None:
    link()
    with postgresql(database_url) as changing:
        changing.execute(CHANGES["create"])
        with pytest.raises(Unavailable, match="under way"):
            users.erase(7, by=BY, patience=0)
    assert associations.list_of_user(7, with_hidden=True)


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
