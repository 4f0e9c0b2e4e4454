"""How the store transfers: how many statements, by which index, what it does beside others."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from service.database import RETRIES, Unavailable, db
from service.store import transfers
from service.store.associations import LimitReached, NotFound
from tests.support import stored
from tests.support.databases import ON_POSTGRESQL, Plain, in_context, postgresql, watching
from tests.support.stored import BY, link

FB_1 = ("facebook", "fb-1")


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def transfer(
    from_user_id: int = 7, to_user_id: int = 9, pair: Any = FB_1, limit: int = 100
) -> transfers.Transferred:
    return transfers.transfer(from_user_id, to_user_id, pair, by=BY, limit=limit)


def owners() -> dict[str, int]:
    return {row["ext_id"]: row["user_id"] for row in stored.rows()}


@pytest.mark.parametrize("pair", [FB_1, None])
def test_a_transfer_is_one_statement_when_its_turn_has_come(pair: Any) -> None:
    link()
    with watching() as seen:
        transfer(pair=pair)
    around = ["BEGIN", "SELECT pg_advisory_xact_lock", "COMMIT"]
    if db.engine.dialect.name == "sqlite":
        around.append("INSERT INTO social_event")
    assert len([one for one in seen if not one.startswith(tuple(around))]) == 1


@pytest.mark.parametrize("pair", [FB_1, None])
@ON_POSTGRESQL
def test_what_was_deleted_in_the_meantime_does_not_go(
    app: Flask, database_url: str, pair: Any
) -> None:
    link()
    link(ext_id="fb-2")
    with postgresql(database_url) as deleting, ThreadPoolExecutor(1) as pool:
        deleting.execute("DELETE FROM social_association WHERE ext_id = 'fb-1'")
        moving = pool.submit(in_context, app, lambda: transfer(pair=pair))
        with pytest.raises(TimeoutError):
            moving.result(0.2)
        deleting.commit()
        if pair:
            with pytest.raises(NotFound):
                moving.result(5)
        else:
            assert [row.ext_id for row in moving.result(5).rows] == ["fb-2"]


@ON_POSTGRESQL
def test_of_two_that_cross_the_second_gives_what_the_first_gave(
    app: Flask, database_url: str
) -> None:
    link()
    link(user_id=9, ext_id="fb-9")
    with postgresql(database_url) as crossing, ThreadPoolExecutor(1) as pool:
        crossing.execute("UPDATE social_association SET user_id = 9 WHERE user_id = 7")
        moving = pool.submit(in_context, app, lambda: transfer(9, 7, None))
        with pytest.raises(TimeoutError):
            moving.result(0.2)
        crossing.commit()
        assert len(moving.result(5).rows) == 2
    assert owners() == {"fb-1": 7, "fb-9": 7}


@pytest.mark.parametrize(("pair", "limit"), [(FB_1, 2), (None, 3)])
def test_the_room_that_comes_while_we_ask_why_is_used(pair: Any, limit: int) -> None:
    for user_id, ext_id in ((7, "fb-1"), (7, "fb-2"), (9, "fb-8"), (9, "fb-9")):
        link(user_id=user_id, ext_id=ext_id)
    removed = []

    def make_room(plain: Plain, statement: str, _: object) -> None:
        if statement.startswith("SELECT") and not removed:
            removed.append(plain("DELETE FROM social_association WHERE ext_id = 'fb-9'"))

    with watching(make_room):
        assert transfer(pair=pair, limit=limit).is_new
    assert owners() == {"fb-1": 9, "fb-2": 7 if pair else 9, "fb-8": 9}


def test_room_that_comes_and_goes_for_ever_is_unavailable() -> None:
    link()
    link(user_id=9, ext_id="fb-9")
    asked = []

    def come_and_go(plain: Plain, statement: str, _: object) -> None:
        user_id = 8 if statement.startswith("SELECT") else 9
        asked.append(user_id)
        plain(f"UPDATE social_association SET user_id = {user_id} WHERE ext_id = 'fb-9'")

    with watching(come_and_go), pytest.raises(Unavailable):
        transfer(limit=1)
    assert asked.count(9) >= RETRIES


@ON_POSTGRESQL
def test_of_too_many_a_few_are_locked(database_url: str) -> None:
    for number in range(5):
        link(ext_id=f"fb-{number}")
    locked = []

    def look(plain: Plain, statement: str, _: object) -> None:
        if statement.startswith("SELECT"):
            locked.extend(plain("SELECT 1 FROM social_association WHERE xmax <> 0"))

    with watching(look), pytest.raises(LimitReached):
        transfer(pair=None, limit=2)
    assert len(locked) == 3


def test_to_a_user_who_has_more_than_one_may_none_goes() -> None:
    link()
    for number in range(2):
        link(user_id=9, ext_id=f"their-{number}")
    for pair in (FB_1, None):
        with pytest.raises(LimitReached):
            transfer(pair=pair, limit=1)
    assert transfer(9, 7, ("facebook", "their-0"), limit=2).is_new
