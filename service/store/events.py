"""The feed of events, and a user's history. `recording` writes them.

An event gets its `id` when somebody first reads: see `_number`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import takewhile
from typing import Any

import sqlalchemy as sa

from service.database import Unavailable, execute
from service.database.replication import FENCE
from service.database.statements import OnPostgresql, Run, Statement, Transaction
from service.models import Event, EventCounter

Row = Any
"""A named tuple with the columns of `Event`, without `seq`."""


class Gone(Exception):
    """Events that were asked for have been pruned."""


_EVENT = Event.__table__
_COUNTER = EventCounter.__table__
_SHOWN = [column for column in _EVENT.c if column.name != "seq"]

MOST_NUMBERED = 1_000
"""Events that get their ids in one transaction, which takes a fraction of a second."""
NUMBERING_TIME = 1.0  # seconds

_UNNUMBERED = sa.and_(
    _EVENT.c.id.is_(None), _EVENT.c.seq > sa.bindparam("above", type_=sa.BigInteger)
)
_FROM_THE_FIRST = {"above": 0}
_BATCH = (
    sa.select(_EVENT.c.seq, sa.func.row_number().over(order_by=_EVENT.c.seq).label("place"))
    .where(_UNNUMBERED)
    .order_by(_EVENT.c.seq)
    .limit(MOST_NUMBERED)
    .subquery("batch")
)
_is_unnumbered = Statement(sa.select(_EVENT.c.seq).where(_UNNUMBERED).limit(1))
_COUNTS = sa.select(_COUNTER.c.last_id, _COUNTER.c.pruned_id)
_counter = Statement(_COUNTS)
_lock_counter = Statement(_COUNTS.with_for_update())
_give_ids = Statement(
    sa.update(Event)
    .where(_EVENT.c.seq == _BATCH.c.seq)
    .values(id=sa.bindparam("last") + _BATCH.c.place)
    .returning(_EVENT.c.id, _EVENT.c.seq)
)
_set_counter = Statement(sa.update(EventCounter).values(last_id=sa.bindparam("last")))
# In the index' order, and no more of it than a batch: after an import PostgreSQL takes the many
# without an id for few, and would read and sort all of them for each thousand.
_in_order = OnPostgresql(sa.text("SELECT set_config('enable_bitmapscan', 'off', true)"))


@Transaction
def _number(run: Run, parameters: Mapping[str, Any]) -> list[Row]:
    """Give ids to the oldest events without one, in the order in which they were written.

    One at a time: the counter's lock is taken first, so that whoever had it before has
    committed, and the next statement sees all of that. So ids become visible in their order and
    without gaps. What is not committed yet has no id, however long it stays open.
    """
    ((last, _),) = run(_lock_counter, {})
    run(_in_order, {})
    given = run(_give_ids, {**parameters, "last": last})
    # Empty where somebody else has numbered meanwhile.
    run(_set_counter, {"last": max((row.id for row in given), default=last)})
    return given


def number_all_within(run: Run) -> int:
    """Give ids to all events that a transaction sees, and return the largest there is.

    Raises:
        psycopg.Error: another transaction was in the way; to be tried again.
    """
    _number_all(partial(run, _is_unnumbered), partial(_number.within, run))
    ((last, _),) = run(_counter, {})
    return int(last)


Execute = Callable[[Statement | Transaction, Mapping[str, Any]], list[Row]]


def number_at_leisure(run: Execute = execute) -> None:
    """Give ids to all that have none, however long it takes; `run` does a transaction."""
    _number_all(partial(run, _is_unnumbered), partial(run, _number))


def number(*, all_of_them: bool = False) -> None:
    """Give ids to what has none: to as many as any page holds, or to all.

    Raises:
        Unavailable: there are so many that it takes several calls.
    """
    end = time.monotonic() + NUMBERING_TIME

    def number_in_time(parameters: Mapping[str, Any]) -> list[Row]:
        given = execute(_number, parameters)
        if len(given) == MOST_NUMBERED and time.monotonic() > end:
            raise Unavailable("many events get their ids for the first time")
        return given

    if all_of_them:
        _number_all(partial(execute, _is_unnumbered), number_in_time)
    elif execute(_is_unnumbered, _FROM_THE_FIRST):
        execute(_number, _FROM_THE_FIRST)


Ask = Callable[[Mapping[str, Any]], list[Row]]


def _number_all(are_left: Ask, number: Ask) -> None:
    # A batch is short where there are no more, or where an erasure took some of it. What is left
    # after a second one was written meanwhile.
    short, above = 0, _FROM_THE_FIRST
    while short < 2 and are_left(above):
        given = number(above)
        short = short + 1 if len(given) < MOST_NUMBERED else 0
        # Begin where the last batch ended: the index still holds what has an id since, and to pass
        # over that again and again made a million events take a minute.
        above = {"above": max([above["above"], *(row.seq for row in given)])}


_feed = Statement(
    sa.select(*_SHOWN)
    .where(_EVENT.c.id > sa.bindparam("after", type_=sa.BigInteger))
    .order_by(_EVENT.c.id)
    .limit(sa.bindparam("limit"))
)


def feed(after: int, limit: int) -> Sequence[Row]:
    """The events above `after`, at most `limit`, in the order of their ids.

    Raises:
        Gone: some above `after` have been pruned.
    """
    number()
    rows = execute(_feed, {"after": after, "limit": limit})
    # Looked at afterwards: else what is pruned in between would be missing without a word.
    if after < execute(_counter)[0].pruned_id:
        raise Gone
    if rows:
        execute(FENCE)  # the ids that somebody has read are given to nothing else
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
_history = Statement(sa.select(_both).order_by(_both.c.id.desc()).limit(sa.bindparam("limit")))


def history(user_id: int, *, before: int, limit: int) -> Sequence[Row]:
    """The events that name the user, below `before`, at most `limit`, the newest first."""
    number(all_of_them=True)
    rows = execute(_history, {"of_user_id": user_id, "before": before, "limit": limit})
    if rows:
        execute(FENCE)  # as in `feed`
    return rows


# Not just the first: what was pruned leaves entries in the index until PostgreSQL cleans up, and
# each batch would pass over those of all batches before it (a quarter of a million: 7 ms).
_IS_KEPT = _EVENT.c.id > sa.bindparam("pruned", type_=sa.BigInteger)
_oldest = Statement(
    sa.select(_EVENT.c.id, _EVENT.c.occurred_at)
    .where(_IS_KEPT)
    .order_by(_EVENT.c.id)
    .limit(sa.bindparam("limit"))
)
_delete_up_to = Statement(sa.delete(Event).where(_IS_KEPT, _EVENT.c.id <= sa.bindparam("last")))
_set_pruned = Statement(sa.update(EventCounter).values(pruned_id=sa.bindparam("last")))


@Transaction
def _prune(run: Run, parameters: Mapping[str, Any]) -> list[Row]:
    ((_, pruned),) = run(_lock_counter, {})
    kept = run(_oldest, {**parameters, "pruned": pruned})
    # Up to the first that is to be kept: times may be out of order by a hair.
    old = [*takewhile(lambda row: row.occurred_at < parameters["before"], kept)]
    if old:
        run(_set_pruned, {"last": old[-1].id})
        run(_delete_up_to, {"pruned": pruned, "last": old[-1].id})
    return old


def prune(before: datetime, *, batch: int) -> int:
    """Delete the oldest events, up to `batch` of those that occurred before a moment.

    Returns: how many; fewer than `batch` when no more are left.
    """
    number()
    return len(execute(_prune, {"before": before, "limit": batch}))


def next_after(after: int) -> Row | None:
    """The first event above `after` that is kept; what was pruned or erased is passed over."""
    found = execute(_feed, {"after": after, "limit": 1})
    if not found:
        number()
        found = execute(_feed, {"after": after, "limit": 1})
    return found[0] if found else None


def next_to_send(after: int) -> Row | None:
    """The same for whoever passes it on."""
    found = next_after(after)
    if found:
        execute(FENCE)  # as in `feed`
    return found


def last_id() -> int:
    """The largest id that an event was given; 0 before the first."""
    last: int = execute(_counter)[0].last_id
    return last


def pruned_id() -> int:
    """The largest id that was pruned; 0 before the first."""
    pruned: int = execute(_counter)[0].pruned_id
    return pruned
