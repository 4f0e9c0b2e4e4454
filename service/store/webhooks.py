"""How far the events are delivered to each address of a webhook."""

from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from service.database import Unavailable, execute
from service.database.statements import Statement, insert_of
from service.models import Webhook
from service.store import events
from service.store.numbering import counter, number

Row = Any
"""A named tuple with the columns of `Webhook`."""

_TABLE = Webhook.__table__
_NOW = sa.bindparam("now", type_=_TABLE.c.failing_since.type)
_IS_AT = _TABLE.c.url == sa.bindparam("of_url")
# A replay in the meantime wins.
_IS_STILL = sa.and_(_IS_AT, _TABLE.c.acknowledged_id == sa.bindparam("was"))
_NONE = sa.null()
_AFRESH = {"failing_id": _NONE, "attempts": 0, "failing_since": _NONE, "next_attempt_at": _NONE}


@Statement
def _begin(dialect: str) -> Any:
    row = {"url": sa.bindparam("of_url"), "acknowledged_id": 0, "attempts": 0}
    return insert_of(dialect)(Webhook).values(row).on_conflict_do_nothing()


_find = Statement(sa.select(*_TABLE.c).where(_IS_AT))
_acknowledge = Statement(
    sa.update(Webhook).where(_IS_STILL).values(acknowledged_id=sa.bindparam("id"), **_AFRESH)
)
_postpone = Statement(
    sa.update(Webhook)
    .where(_IS_STILL)
    .values(
        failing_id=sa.bindparam("id"),
        attempts=sa.bindparam("failed"),
        failing_since=sa.bindparam("since", type_=_NOW.type),
        next_attempt_at=sa.bindparam("until", type_=_NOW.type),
    )
)
_stop = Statement(sa.update(Webhook).where(_IS_STILL).values(stopped_at=_NOW))
_set_back = Statement(
    sa.update(Webhook)
    .where(_IS_AT)
    .values(
        acknowledged_id=sa.case(
            (_TABLE.c.acknowledged_id > sa.bindparam("after"), sa.bindparam("after")),
            else_=_TABLE.c.acknowledged_id,
        ),
        **_AFRESH,
    )
)
_resume = Statement(sa.update(Webhook).where(_IS_AT).values(stopped_at=_NONE))


def state(url: str) -> Row:
    """How far this address is; a new one begins with the oldest event that is kept."""
    rows = execute(_find, {"of_url": url})
    if not rows:
        execute(_begin, {"of_url": url})
        rows = execute(_find, {"of_url": url})
    return rows[0]


def acknowledge(of: Row, event_id: int) -> None:
    """The event is done with: acknowledged, or given up."""
    execute(_acknowledge, {"of_url": of.url, "was": of.acknowledged_id, "id": event_id})


class Failure(NamedTuple):
    """Attempts to deliver an event fail, so many since a moment; the next one is due `until`."""

    id: int
    failed: int
    since: datetime
    until: datetime


def postpone(of: Row, failure: Failure) -> None:
    execute(_postpone, {"of_url": of.url, "was": of.acknowledged_id, **failure._asdict()})


def stop(of: Row, now: datetime) -> None:
    """Send nothing more to this address, until `resume`."""
    execute(_stop, {"of_url": of.url, "was": of.acknowledged_id, "now": now})


def set_back(url: str, after: int) -> None:
    """Begin again with the events above `after`; never goes forward."""
    state(url)
    execute(_set_back, {"of_url": url, "after": after})


def resume(url: str) -> None:
    """Send to a stopped address again."""
    execute(_resume, {"of_url": url})


class Backlog(NamedTuple):
    undelivered: int
    """How many events are still to be delivered; erased ones among them count too."""
    oldest: datetime | None
    """When the oldest of them occurred."""


def backlog(url: str) -> Backlog:
    """What this address has yet to acknowledge."""
    # While an address fails, nobody has to look beyond its event. Many take several calls.
    with suppress(Unavailable):
        number(all_of_them=True)
    event = events.next_after(state(url).acknowledged_id)
    if event is None:
        return Backlog(0, None)
    return Backlog(counter().last_id - event.id + 1, event.occurred_at)
