"""A table that is changed while the service runs: statements are prepared anew."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psycopg
import pytest
from flask import Flask

from service.database import Unavailable
from service.store import associations
from tests.support.databases import ON_POSTGRESQL, in_context, postgresql
from tests.support.stored import ask, link

pytestmark = ON_POSTGRESQL

OFTEN = 10  # more than psycopg runs before it prepares a statement


@pytest.fixture
def change(database_url: str) -> Iterator[Callable[[str], None]]:
    """Give `profile_url` another type."""
    with postgresql(database_url) as connection:
        connection.autocommit = True

        def to(kind: str) -> None:
            connection.execute(f"ALTER TABLE social_association ALTER profile_url TYPE {kind}")

        yield to
        to("varchar(2048)")


def test_a_read_goes_on_after_a_column_changed_its_type(
    app: Flask, change: Callable[[str], None]
) -> None:
    with app.app_context():
        link()
        for _ in range(OFTEN):
            associations.list_of_user(7, with_hidden=True)
        change("text")
        assert len(associations.list_of_user(7, with_hidden=True)) == 1


def test_a_write_goes_on_and_is_done_once(app: Flask, change: Callable[[str], None]) -> None:
    with app.app_context():
        for number in range(OFTEN):
            link(ext_id=f"fb-{number}")
        change("text")
        assert link(ext_id="fb-new").is_new
        assert len(associations.list_of_user(7, with_hidden=True)) == OFTEN + 1


def test_those_in_the_pool_may_hold_the_same_plan(
    app: Flask, change: Callable[[str], None]
) -> None:
    def use() -> None:
        for _ in range(OFTEN):
            associations.list_of_user(7, with_hidden=True)

    with ThreadPoolExecutor(3) as pool:  # when its threads end, their connections lie there
        for done in [pool.submit(in_context, app, use) for _ in range(3)]:
            done.result(10)
    with app.app_context():
        use()
        change("text")
        assert associations.list_of_user(7, with_hidden=True) == []


def test_what_postgresql_does_not_support_is_a_bug(app: Flask) -> None:
    with app.app_context(), pytest.raises(psycopg.NotSupportedError):
        ask("SELECT count(DISTINCT 1) OVER ()")


def test_changes_under_load_are_no_error(app: Flask, change: Callable[[str], None]) -> None:
    is_over = threading.Event()

    def use(user_id: int) -> int:
        number = 0
        while not is_over.is_set():
            number += 1
            with suppress(Unavailable):  # an ALTER waits for a lock, and others for it
                link(user_id=user_id, ext_id=f"fb-{user_id}-{number}", limit=1_000_000)
                associations.look_up("facebook", f"fb-{user_id}-{number}")
        return number

    with ThreadPoolExecutor(4) as pool:
        uses = [
            pool.submit(in_context, app, lambda user_id=user_id: use(user_id))
            for user_id in range(1, 5)
        ]
        try:
            for kind in ("text", "varchar(2048)") * 5:
                threading.Event().wait(0.1)
                change(kind)
        finally:
            is_over.set()
        assert min(done.result(10) for done in uses) > OFTEN
