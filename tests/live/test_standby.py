"""With a real standby, for which every commit waits."""

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from flask import Flask

from service.commands import rekeying
from service.commands.importing import Report
from service.commands.lines import Line
from service.database import Unavailable, apart, replica
from service.database.replica import LAG, Replica
from service.store import admins, associations, bulk, events, snapshots
from tests.support import stored
from tests.support.databases import application, in_context, migrate
from tests.support.factories import PATH, as_admin, as_user, facebook, path_of
from tests.support.standby import Pair, pair
from tests.support.stored import BY, link
from tests.support.waiting import eventually

PAIR = {"provider": "facebook", "ext_id": "moved"}
CREATE = "POST", path_of(7), facebook(ext_id="made")
DELETE = "DELETE", path_of(7), facebook(ext_id="gone")
ERASE = "DELETE", f"{path_of(9)}all/", None
MOVE_ONE = "POST", f"{path_of(10)}transfer/", {"to_user_id": 11} | PAIR
MOVE_ALL = "POST", f"{path_of(12)}transfer/", {"to_user_id": 13, "all": True}
REVOKE = "", "", None  # the command's
OTHER = "POST", path_of(7), facebook(ext_id="canceled")
FEED = "GET", f"{PATH}events/", None
HISTORY = "GET", f"{path_of(7)}history", None
REKEY = "", "", "rekey"
EXPORT = "", "", "export"
IMPORT = "", "", stored.association(ext_id="imported")  # a command's too
EACH = CREATE, DELETE, ERASE, MOVE_ONE, MOVE_ALL, REVOKE
OWNERS = "SELECT user_id FROM social_association WHERE user_id > 9 ORDER BY 1"


@pytest.fixture
def both() -> Iterator[Pair]:
    with pair() as both:
        migrate(both.primary)
        yield both


def test_what_was_acknowledged_is_on_the_promoted_standby(both: Pair) -> None:
    """The first attempts are given up on, and the server ends them: committed, but here alone."""
    with application(both.primary):
        link(ext_id="gone")
        link(user_id=9, ext_id="erased")
        link(user_id=10, ext_id="moved")
        link(user_id=12, ext_id="moved too")
        admins.grant(5)
    with both.stalled():
        others = tuple(request for request in EACH if request is not ERASE)
        for how, requests in (
            # Alone: an erasure waits for changes that are under way.
            ("pg_terminate_backend", (ERASE,)),
            ("pg_terminate_backend", others),
            ("pg_cancel_backend", (OTHER, IMPORT)),
        ):
            first = _answers(both, requests, partial(both.end_waits, how, len(requests)))
            assert first == [503] * len(requests), how
        moved = ["moved", "moved too"]
        assert _stored(both, both.primary) == (["canceled", "imported", "made", *moved], [])
        assert both.ask(OWNERS, both.primary) == [(11,), (13,)]

        again = _answers(both, EACH)
        both.promote()
        assert _stored(both, both.standby) == (["erased", "gone", *moved], [5])
        assert both.ask(OWNERS, both.standby) == [(10,), (12,)]
    # Each acknowledgement would have been of something that is lost now.
    assert again == [503] * len(EACH)


def test_a_server_that_is_no_primary_yet_is_503(both: Pair) -> None:
    """A balancer may lead there for a moment, while a standby is promoted."""
    with application(both.primary) as app:
        link()
        assert _send(app, FEED) == 200
    eventually(lambda: both.ask("SELECT last_id FROM social_event_counter", both.standby) == [(1,)])
    with application(both.standby) as app:
        requests = *EACH, FEED, HISTORY, ("POST", path_of(7), facebook())
        assert [_send(app, request) for request in requests] == [503] * len(requests)


def test_an_id_that_was_read_is_on_the_standby(both: Pair) -> None:
    """Else another event could get it there, which who follows would take for the one it knows."""
    with application(both.primary):
        link()
    with both.stalled():
        end = partial(both.end_waits, "pg_terminate_backend", 1)
        assert _answers(both, (FEED,), end) == [503]
        assert both.ask("SELECT id FROM social_event", both.primary) == [(1,)]

        assert _answers(both, (EXPORT,), end) == [503]
        assert _answers(both, (FEED, HISTORY)) == [503, 503]
        with application(both.primary), pytest.raises(Unavailable):
            events.next_to_send(0)


def test_what_a_rekey_finds_is_on_the_standby(both: Pair) -> None:
    """The second run finds nobody: the first one's change may be lost with this machine."""
    with application(both.primary):
        link(ext_id="old")
    with both.stalled():
        end = partial(both.end_waits, "pg_terminate_backend", 1)
        for _ in range(2):
            assert _answers(both, (REKEY,), end) == [503]
            assert _stored(both, both.primary) == (["new"], [])


def test_lists_are_read_on_the_standby_and_go_on_without_the_primary(
    both: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    with application(both.primary, DATABASE_READ_URL=both.standby) as app:

        def listed() -> int:
            return len(associations.list_of_user(7, with_hidden=False))

        def stands_by() -> bool:
            server: Replica = app.extensions["replica"]
            return server.run(associations._list_shown, {"of_user_id": 7}) is not None

        link(ext_id="first", show_in_profile=True)
        eventually(lambda: listed() == 1 and stands_by())
        app.extensions["replica"]._database = "another, which both took the place of"
        app.extensions["replica"].seen.looked = -math.inf
        assert stands_by()

        both.ask("SELECT pg_wal_replay_pause()", of=both.standby)
        link(ext_id="second", show_in_profile=True)
        eventually(lambda: not stands_by(), LAG + 5)
        assert listed() == 2, "one that is behind is passed over"
        both.ask("SELECT pg_wal_replay_resume()", of=both.standby)
        eventually(stands_by)

        # It is connected, and gets nothing: it can't know that something was hidden meanwhile.
        with both.stalled():
            both.ask(
                "SET synchronous_commit = local;"
                "UPDATE social_association SET show_in_profile = false WHERE ext_id = 'second'"
            )
            eventually(lambda: not stands_by(), LAG + 5)
            assert listed() == 1
        eventually(stands_by)
        monkeypatch.setattr(replica, "QUIET", 0)
        eventually(stands_by)
        assert listed() == 1, "one that has all there is, however long ago that was written"
        monkeypatch.undo()

        both.kill_primary()
        assert stands_by()
        assert listed() == 1
        monkeypatch.setattr(replica, "FAILOVER", 0)
        eventually(lambda: not stands_by())
        assert listed() == 1, "one that is behind is read when the primary is away"
        both.promote()
        eventually(stands_by)
        assert listed() == 1


def _answers(both: Pair, requests: tuple[Any, ...], then: Callable[[], None] = int) -> list[int]:
    """The statuses of requests that are made side by side."""
    with application(both.primary) as app, ThreadPoolExecutor(len(requests)) as pool:
        sent = [pool.submit(_send, app, request) for request in requests]
        then()
        return [answer.result() for answer in sent]


def _send(app: Flask, request: tuple[str, str, Any]) -> int:
    method, path, body = request
    if request is REVOKE:
        try:
            return 200 + in_context(app, lambda: admins.revoke(5))
        except Unavailable:
            return 503
    if request is REKEY:
        return in_context(app, _rekey)
    if request is EXPORT:
        return in_context(app, _export)
    if request is IMPORT:
        return in_context(app, lambda: _import(body))
    headers = as_user(7) if path == path_of(7) else as_admin()
    return app.test_client().open(path, method=method, json=body, headers=headers).status_code


def _import(association: dict[str, Any]) -> int:
    try:
        with apart.connection() as on:
            return 200 + len(bulk.create_all(on, [bulk.New(association)], by=BY))
    except Unavailable:
        return 503


def _export() -> int:
    try:
        with snapshots.taken(None, None) as taken:
            return 200 + taken.next_after
    except Unavailable:
        return 503


def _rekey() -> int:
    lines = [Line(1, {"old": "old", "new": "new"})]
    try:
        with apart.connection() as on, open(os.devnull, "w") as nowhere:
            report = Report(nowhere, rekeying.OUTCOMES)
            rekeying.run(lines, report, on, "facebook", dry_run=False)
    except Unavailable:
        return 503
    return 200


def _stored(both: Pair, of: str) -> tuple[list[str], list[int]]:
    pairs = both.ask("SELECT ext_id FROM social_association ORDER BY 1", of)
    grants = both.ask("SELECT user_id FROM admin_grant", of)
    return [pair for (pair,) in pairs], [user_id for (user_id,) in grants]
