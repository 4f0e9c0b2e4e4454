"""Associations that go from one user to another.

Every function may raise `service.database.Unavailable`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from service.database import RETRIES, Unavailable, execute
from service.database.replication import FENCE
from service.database.statements import OnPostgresql, Run, Statement, Transaction
from service.models import Association
from service.store.associations import DETAILED, IS_PAIR, LOOK_UP, LimitReached, NotFound, Row
from service.store.recording import Origin, Recorded


class Transferred(NamedTuple):
    rows: Sequence[Row]
    """What the new user has now of what was asked, in the order of the list."""
    is_new: bool
    """False when there was nothing left to do."""


_TABLE = Association.__table__
_PAIR = (_TABLE.c.provider, _TABLE.c.ext_id)
_FROM = sa.bindparam("from_user_id", type_=sa.BigInteger)
_TO = sa.bindparam("to_user_id", type_=sa.BigInteger)
_LIMIT = sa.bindparam("limit", type_=sa.BigInteger)
# No more are read and locked, however many a user has: one over the limit is refused.
_TOO_MANY = _LIMIT + 1


def _count(rows: Any) -> Any:
    return sa.select(sa.func.count()).select_from(rows).scalar_subquery()


def _count_of(user_id: Any) -> Any:
    table = _TABLE.alias()
    of_user = sa.select(table.c.user_id).where(table.c.user_id == user_id)
    return _count(of_user.limit(_TOO_MANY).subquery())


def _move(*conditions: Any) -> Any:
    return (
        sa.update(Association)
        .where(*conditions)
        .values(user_id=_TO, updated_at=sa.bindparam("now"))
        .returning(*DETAILED)
    )


_TRANSFERS = 0x50C1A1  # any number that is the first of nobody else's locks in this database
# Else each of several that give to one user would count what was there before all of them.
_take_turn = OnPostgresql(
    sa.select(sa.func.pg_advisory_xact_lock(_TRANSFERS, sa.func.hashint8(_TO)).label("taken"))
)


def _in_turn(move: Recorded) -> Transaction:
    def work(run: Run, parameters: Mapping[str, Any]) -> list[Any]:
        run(_take_turn, parameters)
        return run(move, parameters)

    return Transaction(work)


_move_one = _in_turn(
    Recorded(
        lambda _: _move(
            IS_PAIR,
            _TABLE.c.user_id == _FROM,
            _count_of(_TO) < _LIMIT,
        ),
        "association.transferred",
    )
)
# Both users' are locked first, in one order: of two transfers that cross, the second waits, and
# then sees whose each association has become. SQLite, where there is one writer at a time, has no
# such lock and needs none.
_held = (
    sa.select(*_PAIR, _TABLE.c.user_id)
    .where(_TABLE.c.user_id.in_([_FROM, _TO]))
    .order_by(*_PAIR)
    .limit(_TOO_MANY)
    .with_for_update()
    .cte("held")
)
_move_all = _in_turn(
    Recorded(
        lambda _: _move(
            sa.tuple_(*_PAIR) == sa.tuple_(_held.c.provider, _held.c.ext_id),
            _held.c.user_id == _FROM,
            _count(_held) <= _LIMIT,
        ),
        "association.transferred",
    )
)
_counts = Statement(sa.select(_count_of(_FROM).label("left"), _count_of(_TO).label("held")))


class _Found(NamedTuple):
    """What there is where nothing was moved."""

    pair: Sequence[Row]
    """The association that was asked for, whoever has it."""
    left: int
    """How many the former user has; so `held`, the new one."""
    held: int
    is_done: bool
    """All that was asked for is the new user's already."""


@Transaction
def _look(run: Run, parameters: Mapping[str, Any]) -> list[Any]:
    is_one = "of_ext_id" in parameters
    pair = run(LOOK_UP, parameters) if is_one else []
    (counts,) = run(_counts, parameters)
    is_done = pair[0].user_id == parameters["to_user_id"] if pair else not (is_one or counts.left)
    if is_done:
        run(FENCE, {})
    return [_Found(pair, counts.left, counts.held, is_done)]


def transfer(
    from_user_id: int, to_user_id: int, pair: tuple[str, str] | None, *, by: Origin, limit: int
) -> Transferred:
    """Give an association of a user to another; all of them or none.

    Args:
        pair: its provider and ext_id; None: all that the user has.
        by: who does it.
        limit: how many associations a user may have.

    Raises:
        NotFound: neither user has the pair.
        LimitReached: the new user would have more than `limit` associations.
    """
    users = {"from_user_id": from_user_id, "to_user_id": to_user_id, "limit": limit}
    asked = {**users, **by._asdict(), "now": datetime.now(UTC)}
    if pair:
        asked["of_provider"], asked["of_ext_id"] = pair
    for _ in range(RETRIES):
        if rows := execute(_move_one if pair else _move_all, asked):
            return Transferred(sorted(rows, key=_place), is_new=True)
        # Nothing was moved: why?
        (found,) = execute(_look, asked)
        if found.is_done:
            return Transferred(found.pair, is_new=False)
        if pair and (not found.pair or found.pair[0].user_id != from_user_id):
            raise NotFound
        if found.held + (1 if pair else found.left) > limit:
            raise LimitReached
        # What stood in the way is gone in the meantime.
    raise Unavailable("what is to be transferred comes and goes over and over")


def _place(row: Row) -> tuple[datetime, str, str]:
    return row.created_at, row.provider, row.ext_id
