"""All associations as they are at one moment, and where the feed of events goes on from it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from service.database import apart
from service.database.replication import FENCE
from service.database.statements import Statement
from service.models import Association, UtcDateTime
from service.store import numbering
from service.store.associations import DETAILED, Row

AT_ONCE = 2_000
"""Rows that are in memory."""


class Snapshot(NamedTuple):
    rows: Iterator[list[Row]]
    """In the order of provider and ext_id, with the columns of `DETAILED`, or with `json`."""
    next_after: int
    """The id of the last event that is part of it: all that comes later has a larger one."""


_TABLE = Association.__table__
_export_snapshot = Statement(sa.select(sa.func.pg_export_snapshot().label("name")))
_look = Statement(sa.select(_TABLE.c.user_id).limit(1))
_ONE_SNAPSHOT = "ISOLATION LEVEL REPEATABLE READ"
# LOCK takes no snapshot: the lock is there first, and whoever numbers waits for its end.
_NOBODY_NUMBERS = f"{_ONE_SNAPSHOT}; LOCK TABLE social_event_counter IN EXCLUSIVE MODE"


Keys = Mapping[str | None, Sequence[str]]
"""The columns that a provider's rows show as JSON, in order; of those not named, under None."""


@contextmanager
def taken(
    provider: str | None, user_id: int | None, *, as_json: Keys | None = None
) -> Iterator[Snapshot]:
    """What is stored now, while the service goes on; of one provider or user, where named.

    Args:
        as_json: let the database write each row as a JSON object with these keys.

    Raises:
        Unavailable: the database can't do this for now.
    """
    wanted: dict[Any, Any] = {_TABLE.c.provider: provider, _TABLE.c.user_id: user_id}

    def query(dialect: str) -> sa.Select[Any]:
        return (
            sa.select(*(DETAILED if as_json is None else [_json(as_json, dialect)]))
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


_TEXT = {"postgresql": "to_json({})::text", "sqlite": "json_quote({})"}
# What was put there by hand may go over several lines; within JSON's texts no line ends.
_ON_ONE_LINE = {
    "postgresql": "replace(CAST({} AS text), chr(10), ' ')",
    "sqlite": "replace({}, char(10), ' ')",
}
_MOMENT = {
    "postgresql": r"""to_char({} AT TIME ZONE 'UTC', '\"YYYY-MM-DD"T"HH24:MI:SS.US"Z"\"')""",
    "sqlite": """'"' || replace({}, ' ', 'T') || 'Z"'""",
}


def _json(keys: Keys, dialect: str) -> Any:
    """A row as JSON: the same as from Python, in a tenth of the time."""
    cases = {of: _object(names, dialect) for of, names in keys.items()}
    others = cases.pop(None)
    return sa.case(cases, value=_TABLE.c.provider, else_=others).label("json")


def _object(names: Sequence[str], dialect: str) -> Any:
    # Between two values one text only: each concatenation copies all that is before it.
    parts = [f"""'"{name}":' || {_value(name, dialect)}""" for name in names]
    return sa.literal_column("'{" + " || ',".join(part[1:] for part in parts) + " || '}'", sa.Text)


def _value(name: str, dialect: str) -> str:
    match _TABLE.c[name].type:
        case sa.String():
            written = _TEXT[dialect]
        case sa.JSON():
            written = _ON_ONE_LINE[dialect]
        case sa.Boolean():
            written = "CASE WHEN {} THEN 'true' ELSE 'false' END"
        case UtcDateTime():
            written = _MOMENT[dialect]
        case _:  # numbers
            written = "CAST({} AS text)"
    value = written.format(f"social_association.{name}")
    return f"coalesce({value}, 'null')" if _TABLE.c[name].nullable else value


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
