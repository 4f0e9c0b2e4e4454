"""Erasure: what it leaves, and what comes while it is under way."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from service.database import Unavailable, db
from service.database.statements import Statement
from service.models import AdminGrant, Association
from service.store import admins, associations, events, users
from service.store.recording import Origin
from tests.support.databases import ON_POSTGRESQL, in_context, postgresql
from tests.support.stored import BY, feed, link, types


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


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


def test_a_grant_alone_is_erased_with_an_event() -> None:
    admins.grant(7)
    assert users.erase(7, by=BY) == 0
    assert (types(), admins.is_granted(7)) == (["user.erased"], False)


def test_a_link_whose_events_were_pruned_is_erased_with_an_event() -> None:
    link()
    events.prune(datetime.now(UTC), batch=9)
    assert users.erase(7, by=BY) == 1
    assert [event.type for event in feed(after=1)] == ["user.erased"]


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
    CREATE TEMP TABLE moved ON COMMIT DROP AS
        SELECT * FROM social_association WHERE ext_id = 'fb-1';
    DELETE FROM social_association WHERE ext_id = 'fb-1'; UPDATE moved SET ext_id = 'n-1';
    INSERT INTO social_association SELECT * FROM moved"""


def erased_beside(app: Flask, database_url: str, change: str) -> int:
    """Erase a user while the change is under way, for which that waits; gives the count."""
    with postgresql(database_url) as changing, ThreadPoolExecutor(1) as pool:
        changing.execute(change)
        erasing = pool.submit(in_context, app, lambda: users.erase(7, by=BY))
        with pytest.raises(TimeoutError):
            erasing.result(0.2)
        changing.commit()
        return erasing.result(5)


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
    assert erased_beside(app, database_url, change) == linked
    assert [event.type for event in feed() if event.user_id == 7] == ["user.erased"]
    assert not associations.list_of_user(7, with_hidden=True)


@ON_POSTGRESQL
def test_an_erasure_looks_again_for_what_a_rekey_put_back(
    app: Flask, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that began after the erasure did, and was first at the row."""
    link()
    link(ext_id="fb-2")
    monkeypatch.setattr(users, "_wait_for_changes_under_way", lambda *_: None)
    assert erased_beside(app, database_url, REKEY) == 2
    assert not associations.list_of_user(7, with_hidden=True)


@ON_POSTGRESQL
def test_what_is_linked_while_an_erasure_is_under_way_comes_after_it(
    app: Flask, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads the feed before the erasure is committed."""
    link()
    with postgresql(database_url) as changing, ThreadPoolExecutor(1) as pool:

        class AfterItLooked(Statement):
            def run(self, *arguments: Any) -> list[Any]:
                changing.execute(CHANGES["create"])
                changing.commit()
                with pytest.raises(Unavailable, match="LockNotAvailable"):
                    pool.submit(in_context, app, feed).result(5)
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
