"""The feed of events, and a user's history. `recording` writes them, `numbering` gives them ids."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

import sqlalchemy as sa

from service.database import execute
from service.database.replication import Fenced
from service.database.statements import Run, Statement, Transaction
from service.models import Event, EventCounter
from service.store.numbering import LOCK_COUNTER, counter, number

Row = Any
"""A named tuple with the columns of `Event`, without `seq`."""


class Gone(Exception):
    """Events that were asked for have been pruned."""


_EVENT = Event.__table__
_SHOWN = [column for column in _EVENT.c if column.name != "seq"]

_feed = Statement(
    sa.select(*_SHOWN)
    .where(_EVENT.c.id > sa.bindparam("after", type_=sa.BigInteger))
    .order_by(_EVENT.c.id)
    .limit(sa.bindparam("limit"))
)
# Rows that somebody gets to see: their ids are given to no other event, whatever fails.
_feed_for_sure = Fenced(_feed, if_found=True)


def feed(after: int, limit: int) -> Sequence[Row]:
    """The events above `after`, at most `limit`, in the order of their ids.

    Raises:
        Gone: some above `after` have been pruned.
    """
    number()
    rows = execute(_feed_for_sure, {"after": after, "limit": limit})
    # Looked at afterwards: else what is pruned in between would be missing without a word.
    if after < counter().pruned_id:
        raise Gone
    return rows


def _newest(names_the_user: Any) -> Any:
    return (
        sa.select(*_SHOWN)
        .where(names_the_user, _EVENT.c.id < sa.bindparam("before", type_=sa.BigInteger))
        .order_by(_EVENT.c.id.desc())
        .limit(sa.bindparam("limit"))
        .subquery()
    )


# Two short looks into an index each; OR would gather all of the user's events and sort them.
_of_user = _newest(_EVENT.c.user_id == sa.bindparam("of_user_id"))
_from_user = _newest(_EVENT.c.from_user_id == sa.bindparam("of_user_id"))
_both = sa.union_all(sa.select(_of_user), sa.select(_from_user)).subquery()
_history_for_sure = Fenced(
    Statement(sa.select(_both).order_by(_both.c.id.desc()).limit(sa.bindparam("limit"))),
    if_found=True,
)


def history(user_id: int, *, before: int, limit: int) -> Sequence[Row]:
    """The events that name the user, below `before`, at most `limit`, the newest first."""
    number(all_of_them=True)
    asked = {"of_user_id": user_id, "before": before, "limit": limit}
    return execute(_history_for_sure, asked)


# Not just the first: what was pruned leaves entries in the index until PostgreSQL cleans up, and
# each batch would pass over those of all batches before it (a quarter of a million: 7 ms).
_IS_KEPT = _EVENT.c.id > sa.bindparam("pruned", type_=sa.BigInteger)
_UP_TO_LAST = _EVENT.c.id <= sa.bindparam("last", type_=sa.BigInteger)
_IN_ORDER = (
    sa.select(_EVENT.c.id, _EVENT.c.occurred_at)
    .where(_IS_KEPT)
    .order_by(_EVENT.c.id)
    .limit(sa.bindparam("limit"))
)
_now = sa.bindparam("now", type_=_EVENT.c.occurred_at.type)
_oldest = Statement(_IN_ORDER.where(_EVENT.c.occurred_at <= _now))
_oldest_up_to = Statement(_IN_ORDER.where(_UP_TO_LAST))
_delete_up_to = Statement(sa.delete(Event).where(_IS_KEPT, _UP_TO_LAST))
_set_pruned = Statement(sa.update(EventCounter).values(pruned_id=sa.bindparam("last")))


@Transaction
def _prune(run: Run, parameters: Mapping[str, Any]) -> list[Row]:
    ((_, pruned),) = run(LOCK_COUNTER, {})
    kept = {**parameters, "pruned": pruned}
    # Up to the first that is to be kept, whatever a clock that was behind wrote above it. One that
    # was ahead says nothing: its events go with the next that is old.
    old = [*takewhile(lambda row: row.occurred_at < parameters["before"], run(_oldest, kept))]
    if not old:
        return []
    # Events of the future among them make more than a batch.
    gone = run(_oldest_up_to, {**kept, "last": old[-1].id})
    run(_set_pruned, {"last": gone[-1].id})
    run(_delete_up_to, {"pruned": pruned, "last": gone[-1].id})
    return gone


def prune(before: datetime, *, batch: int) -> int:
    """Delete the oldest events, up to `batch` of those that occurred before a moment.

    Returns: how many; 0 when no more are left. Fewer than `batch` says little: others may have no
        id yet.
    """
    number()
    asked = {"before": before, "now": datetime.now(UTC), "limit": batch}
    return len(execute(_prune, asked))


def next_after(after: int) -> Row | None:
    """The first event above `after` that is kept; what was pruned or erased is passed over."""
    return _next_after(after, _feed)


def next_to_send(after: int) -> Row | None:
    """The same for whoever passes it on."""
    return _next_after(after, _feed_for_sure)


def _next_after(after: int, look: Statement | Transaction) -> Row | None:
    found = execute(look, {"after": after, "limit": 1})
    if not found:
        number()
        found = execute(look, {"after": after, "limit": 1})
    return found[0] if found else None
