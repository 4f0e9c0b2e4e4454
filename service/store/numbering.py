"""Events get their ids here: when somebody first reads, in the order in which they were written.

See docs/decisions/0010. A feed in the order of `seq`, which is taken when a row is written, would
skip what commits late.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import sqlalchemy as sa

from service.database import Unavailable, execute
from service.database.statements import Execute, OnPostgresql, Run, Statement, Transaction
from service.models import Event, EventCounter

_EVENT = Event.__table__
_COUNTER = EventCounter.__table__

MOST_NUMBERED = 1_000
"""Events that get their ids in one transaction, which takes a fraction of a second."""
NUMBERING_TIME = 1.0  # seconds

_UNNUMBERED = sa.and_(
    _EVENT.c.id.is_(None),
    _EVENT.c.seq > sa.bindparam("above", type_=sa.BigInteger),
    _EVENT.c.seq <= sa.bindparam("up_to", type_=sa.BigInteger),
)
_ALL = {"above": 0, "up_to": 2**63 - 1}
_BATCH = (
    sa.select(_EVENT.c.seq, sa.func.row_number().over(order_by=_EVENT.c.seq).label("place"))
    .where(_UNNUMBERED)
    .order_by(_EVENT.c.seq)
    .limit(MOST_NUMBERED)
    .subquery("batch")
)
_is_unnumbered = Statement(sa.select(_EVENT.c.seq).where(_UNNUMBERED).limit(1))
_newest = Statement(
    sa.select(sa.func.coalesce(sa.func.max(_EVENT.c.seq), 0).label("seq")).where(
        _EVENT.c.id.is_(None)
    )
)
_COUNTS = sa.select(_COUNTER.c.last_id, _COUNTER.c.pruned_id)
_counter = Statement(_COUNTS)
LOCK_COUNTER = Statement(_COUNTS.with_for_update())
"""The counter's row: who has its lock is the only one that gives ids, or prunes."""
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
def _number(run: Run, parameters: Mapping[str, Any]) -> list[Any]:
    """Give ids to the oldest events without one, in the order in which they were written.

    One at a time: the counter's lock is taken first, so that whoever had it before has
    committed, and the next statement sees all of that. So ids become visible in their order and
    without gaps. What is not committed yet has no id, however long it stays open.
    """
    ((last, _),) = run(LOCK_COUNTER, {})
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
    _number_all(run, partial(_number.within, run))
    ((last, _),) = run(_counter, {})
    return int(last)


def number_at_leisure(run: Execute = execute) -> None:
    """Give ids to all that have none, however long it takes, and to what comes meanwhile but for
    a few; `run` does a transaction."""
    while _number_all(run, partial(run, _number)) > MOST_NUMBERED:
        pass


def number(*, all_of_them: bool = False) -> None:
    """Give ids to what has none: to as many as any page holds, or to all that are there now.

    Raises:
        Unavailable: there are so many that it takes several calls.
    """
    end = time.monotonic() + NUMBERING_TIME

    def number_in_time(parameters: Mapping[str, Any]) -> list[Any]:
        given = execute(_number, parameters)
        if len(given) == MOST_NUMBERED and time.monotonic() > end:
            raise Unavailable("many events get their ids for the first time")
        return given

    if all_of_them:
        _number_all(execute, number_in_time)
    elif execute(_is_unnumbered, _ALL):
        execute(_number, _ALL)


def _number_all(run: Run, number: Callable[[Mapping[str, Any]], list[Any]]) -> int:
    """Give ids to all that have none now, batch after batch, and return to how many."""
    count = 0
    ((newest,),) = run(_newest, {})
    # Each batch begins where the last one ended: the index still holds what has an id since, and
    # to pass over that again and again made a million events take a minute. They end with what
    # was there at first: one below where they are that is committed meanwhile has its turn
    # later, so what was done because of it must not be numbered now.
    part = {"above": 0, "up_to": newest}
    # Not until a batch is short: an erasure may have taken some of it.
    while run(_is_unnumbered, part):
        given = number(part)
        count += len(given)
        part["above"] = max([part["above"], *(row.seq for row in given)])
    return count


def counter() -> Any:
    """A row: `last_id`, the largest id that an event was given, and `pruned_id`, the largest that
    was pruned; 0 before the first."""
    return execute(_counter)[0]
