"""DATABASE_READ_URL: what is read on the replica, and who stands in for whom.

A second database, with other rows, shows which of the two was read.
"""

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
from flask import Flask

from service import create_app
from service.database import Unavailable, db, replica
from service.database.breaker import Breaker
from service.database.timeouts import BUDGET
from service.store import admins, associations
from tests.support.broken_network import Line, line_to
from tests.support.databases import application, empty_postgresql, in_context, migrate, postgresql
from tests.support.factories import as_admin, as_user, environment, path_of
from tests.support.stored import link
from tests.support.waiting import eventually, within


@dataclass
class Two:
    app: Flask
    primary: Line
    replica: Line
    replica_url: str
    """Without the line."""

    def on_replica(self, sql: str) -> None:
        with postgresql(self.replica_url) as connection:
            connection.execute(sql)

    def found(self, **headers: str) -> list[str] | int:
        """What the list of user 7 holds, or its status."""
        answer = self.app.test_client().get(path_of(7), headers=headers)
        if answer.status_code != 200:
            return answer.status_code
        return [association["ext_id"] for association in answer.get_json()]


@contextmanager
def two(server: str) -> Iterator[Two]:
    with ExitStack() as stack:
        urls = [stack.enter_context(empty_postgresql(server)) for _ in range(2)]
        for url, ext_id in zip(urls, ("on-primary", "on-replica"), strict=True):
            migrate(url)
            with application(url):
                link(ext_id=ext_id, show_in_profile=True)
        lines = [stack.enter_context(line_to(url)) for url in urls]
        app = create_app(environment(lines[0].url, DATABASE_READ_URL=lines[1].url))
        in_context(app, lambda: admins.grant(5))
        yield Two(app, *lines, urls[1])
        in_context(app, lambda: db.engine.dispose())


CHECK = replica.Replica._check


@pytest.fixture(scope="module")
def module_s_two(postgresql_url: str) -> Iterator[Two]:
    with pytest.MonkeyPatch.context() as patch, two(postgresql_url) as found:
        patch.setattr(replica.Replica, "_check", lambda *_: None)
        yield found


@pytest.fixture
def both(module_s_two: Two) -> Iterator[Two]:
    yield module_s_two
    for line in (module_s_two.primary, module_s_two.replica):
        line.mend()
    eventually(lambda: module_s_two.found() == ["on-replica"])
    eventually(lambda: module_s_two.found(**as_user(7)) == ["on-primary"])


def test_lists_for_others_are_read_on_the_replica(both: Two) -> None:
    assert both.found() == both.found(**as_user(8)) == ["on-replica"]


@pytest.mark.parametrize(
    "headers", [as_user(7), as_admin(), as_user(5)], ids=["user", "admin", "granted"]
)
def test_the_user_and_admins_read_on_the_primary(both: Two, headers: dict[str, str]) -> None:
    """They may have just written."""
    assert both.found(**headers) == ["on-primary"]


def test_a_replica_that_does_not_answer_costs_a_moment(both: Two) -> None:
    assert both.found() == ["on-replica"]
    both.replica.cut()
    with within(2 * replica.MOMENT):
        assert both.found() == ["on-primary"]
    with within(replica.MOMENT / 2):
        assert both.found() == ["on-primary"], "nobody tries it again for a while"


def test_its_trouble_is_logged_once_and_counted(
    both: Two, capfd: pytest.CaptureFixture[str]
) -> None:
    both.replica.cut()
    for _ in range(3):
        both.found()
    both.replica.mend()
    eventually(lambda: both.found() == ["on-replica"])
    logged = capfd.readouterr().err
    assert logged.count("the replica is not read") == 1
    assert logged.count("the replica is read again") == 1
    assert "social_replica_fallbacks_total" in both.app.test_client().get("/metrics").text


def test_one_of_another_database_is_not_read(
    both: Two, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Such as that of another installation: migrated, and with other users' links."""
    monkeypatch.setattr(replica.Replica, "_check", CHECK)
    server: replica.Replica = both.app.extensions["replica"]
    server.close()
    assert both.found() == ["on-primary"]
    assert "it is not of the database that DATABASE_URL names" in capfd.readouterr().err
    both.primary.cut()
    monkeypatch.setattr(server, "_breaker", Breaker())  # it may be tried again at once
    assert both.found() == 503


def test_one_that_is_not_migrated_is_passed_over(both: Two) -> None:
    both.on_replica("ALTER TABLE social_association RENAME TO other")
    try:
        assert both.found() == ["on-primary"]
    finally:
        both.on_replica("ALTER TABLE other RENAME TO social_association")


def test_while_the_primary_is_away_lists_for_others_go_on(both: Two) -> None:
    both.primary.cut()
    assert both.found() == ["on-replica"]
    # Whether user 8 is an admin is the primary's to say. That there is no grant the replica may.
    assert both.found(**as_user(8)) == ["on-replica"]
    assert both.found(**as_user(7)) == 503


def test_while_the_primary_is_away_a_grant_does_not_count(both: Two) -> None:
    """It may have been withdrawn since; and to show less would be half an answer."""
    both.on_replica("INSERT INTO admin_grant VALUES (5, now()) ON CONFLICT DO NOTHING")
    both.primary.cut()
    assert both.found(**as_user(5)) == 503


def test_one_that_is_behind_is_read_when_the_primary_is_away(
    both: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    server: replica.Replica = both.app.extensions["replica"]
    monkeypatch.setattr(server, "_look", lambda _: None)
    monkeypatch.setattr(server.seen, "is_behind", True)
    assert both.found() == ["on-primary"]
    both.primary.cut()
    with within(BUDGET + 0.5):
        assert both.found() == ["on-replica"]
    both.replica.cut()
    assert both.found() == 503


def test_each_connection_s_replica_is_looked_at(both: Two) -> None:
    """Through a balancer they may lead to several: one that is current says nothing of another."""
    with ThreadPoolExecutor(1) as other:
        assert other.submit(both.found).result() == both.found() == ["on-replica"]
        server: replica.Replica = both.app.extensions["replica"]
        server.seen.is_behind = True
        server.seen.looked = math.inf
        assert both.found() == ["on-primary"]
        assert other.submit(both.found).result() == ["on-replica"]
        assert both.found() == ["on-primary"]
    # A new connection may lead to yet another one.
    server.close()
    assert both.found() == ["on-replica"]


def test_without_one_all_is_as_it_was(postgresql_url: str) -> None:
    with empty_postgresql(postgresql_url) as url, line_to(url) as line:
        migrate(url)
        with application(line.url):
            link(ext_id="fb-1", show_in_profile=True)
            assert len(associations.list_of_user(7, with_hidden=False)) == 1
            line.cut()
            with pytest.raises(Unavailable):
                admins.is_granted(8)
