"""All associations as they are at one moment, and where the feed of events goes on from it."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from service.database import apart
from service.database.replication import FENCE
from service.database.statements import Statement
from service.models import Association, UtcDateTime
from service.store import numbering
from service.store.associations import DETAILED

AT_ONCE = 500
"""Rows that are in memory: about as many as the socket holds beside, so that both sides go on."""


class Snapshot(NamedTuple):
    rows: Iterator[Sequence[Sequence[Any]]]
    """In the order of provider and ext_id, as many at a time as are in memory; each has `COLUMNS`.

    Moments are as `schemas.moments.timestamp` writes them.
    """
    next_after: int
    """The id of the last event that is part of it: all that comes later has a larger one."""


_TABLE = Association.__table__
COLUMNS = [column.name for column in DETAILED]
_MOMENT = {
    "postgresql": """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')""",
    "sqlite": "replace({}, ' ', 'T') || 'Z'",
}
_export_snapshot = Statement(sa.select(sa.func.pg_export_snapshot().label("name")))
_look = Statement(sa.select(_TABLE.c.user_id).limit(1))
_ONE_SNAPSHOT = "ISOLATION LEVEL REPEATABLE READ"
# LOCK takes no snapshot: the lock is there first, and whoever numbers waits for its end.
_NOBODY_NUMBERS = f"{_ONE_SNAPSHOT}; LOCK TABLE social_event_counter IN EXCLUSIVE MODE"


@contextmanager
def taken(provider: str | None, user_id: int | None) -> Iterator[Snapshot]:
    """What is stored now, while the service goes on; of one provider or user, where named.

    Raises:
        Unavailable: the database can't do this for now.
    """
    wanted: dict[Any, Any] = {_TABLE.c.provider: provider, _TABLE.c.user_id: user_id}

    def query(dialect: str) -> sa.Select[Any]:
        return (
            sa.select(*(_shown(column, dialect) for column in DETAILED))
            .where(*(column == value for column, value in wanted.items() if value is not None))
            .order_by(_TABLE.c.provider, _TABLE.c.ext_id)
        )

    with apart.connection() as reader:
        with apart.connection() as numberer:
            numbering.number_at_leisure(numberer.execute)  # what is left then takes no time
            next_after = numberer.patiently(partial(_begin, reader, numberer))
        try:
            with closing(reader.stream(Statement(query), {}, at_once=AT_ONCE)) as rows:
                yield Snapshot(rows, next_after)
        finally:
            reader.rollback()


def _shown(column: Any, dialect: str) -> Any:
    if not isinstance(column.type, UtcDateTime):
        return column
    # Python takes longer for moments than for all else of a row.
    return sa.literal_column(_MOMENT[dialect].format(column), sa.Text).label(column.name)


def _begin(reader: apart.Connection, numberer: apart.Connection) -> int:
    """Let `reader` see what is there now; gives the id of the last event that it sees.

    Some of these have no id yet, and what comes next could get a smaller one. So another
    transaction gives them theirs, which sees just the same: on PostgreSQL because the reader has
    its snapshot, on SQLite because nobody else writes meanwhile.
    """
    try:
        with numberer.transaction(modes=_NOBODY_NUMBERS):
            modes = ""
            if numberer.is_postgresql:
                ((name,),) = numberer.run(_export_snapshot)
                modes = f"{_ONE_SNAPSHOT} READ ONLY; SET TRANSACTION SNAPSHOT '{name}'"
            reader.begin(modes)
            reader.run(_look)  # SQLite's moment is that of the first look
            last_id = numbering.number_all_within(numberer.run)
            numberer.run(FENCE)  # else another event could get it, after a failover
            return last_id
    except BaseException:
        reader.rollback()
        raise
