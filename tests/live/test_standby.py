"""With a standby that every commit waits for: nothing acknowledged is on one machine alone."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from flask import Flask

from service.database import Unavailable, apart
from service.store import admins, bulk
from tests.support import stored
from tests.support.databases import application, in_context, migrate
from tests.support.factories import as_admin, as_user, facebook, path_of
from tests.support.standby import Pair, pair
from tests.support.stored import BY, link

PAIR = {"provider": "facebook", "ext_id": "moved"}
CREATE = "POST", path_of(7), facebook(ext_id="made")
DELETE = "DELETE", path_of(7), facebook(ext_id="gone")
ERASE = "DELETE", f"{path_of(9)}all/", None
MOVE_ONE = "POST", f"{path_of(10)}transfer/", {"to_user_id": 11} | PAIR
MOVE_ALL = "POST", f"{path_of(12)}transfer/", {"to_user_id": 13, "all": True}
REVOKE = "", "", None  # the command's
OTHER = "POST", path_of(7), facebook(ext_id="canceled")
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
        for how, requests in (
            ("pg_terminate_backend", EACH),
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


def _stored(both: Pair, of: str) -> tuple[list[str], list[int]]:
    pairs = both.ask("SELECT ext_id FROM social_association ORDER BY 1", of)
    grants = both.ask("SELECT user_id FROM admin_grant", of)
    return [pair for (pair,) in pairs], [user_id for (user_id,) in grants]
