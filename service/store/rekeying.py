"""New ext_ids for old ones: the user, the details and who made it when stay."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import sqlalchemy as sa

from service.database import RETRIES, Unavailable
from service.database.apart import Connection
from service.database.replication import FENCE
from service.database.statements import Statement, insert_of
from service.models import Association
from service.store.associations import DETAILED, IS_PAIR, Row
from service.store.recording import Origin, Recorded

CHANGED, MISSING, CONFLICT, INCOMPLETE = "changed", "missing", "conflict", "incomplete"

Renamed = tuple[str, str]
"""The old ext_id and the new one."""

_TABLE = Association.__table__


def _insert_again(dialect: str) -> Any:
    values: dict[str, Any] = {c.name: sa.bindparam(c.name, type_=c.type) for c in _TABLE.c}
    # As it came out: nobody reads it on the way.
    text = sa.bindparam("metadata", type_=sa.Text)
    values["metadata"] = sa.cast(text, sa.JSON) if dialect == "postgresql" else text
    return (
        insert_of(dialect)(Association)
        .from_select(list(values), sa.select(*values.values()).where(sa.text("true")))
        .on_conflict_do_nothing(index_elements=list(_TABLE.primary_key))
        .returning(_TABLE.c.user_id, _TABLE.c.provider, _TABLE.c.ext_id)
    )


_insert = Recorded(_insert_again, "association.created")
_delete = Recorded(
    lambda _: sa.delete(Association).where(IS_PAIR).returning(*DETAILED), "association.deleted"
)
_look_up = Statement(sa.select(_TABLE.c.user_id).where(IS_PAIR))


class _Again(Exception):
    """Somebody made a pair meanwhile: nothing is done yet."""


def is_linked(on: Connection, provider: str, ext_id: str) -> bool:
    return bool(on.run(_look_up, {"of_provider": provider, "of_ext_id": ext_id}))


def rename_each(on: Connection, provider: str, lines: Sequence[Renamed]) -> list[str]:
    """Each by itself, one after the other, in one transaction.

    Returns: what came of each: `CHANGED`, `MISSING` where nobody has the old pair, or `CONFLICT`
        where somebody has the new one.
    """

    def rename() -> list[str]:
        return [_rename(on, provider, *line) for line in lines]

    return _tried(on, rename)


def rename_circle(on: Connection, provider: str, lines: Sequence[Renamed]) -> list[str]:
    """All of them at once, where each new ext_id is another's old one; or none of them.

    Returns: `CHANGED` for all; else `MISSING` for those that nobody has, and `INCOMPLETE` for the
        others.
    """
    return _tried(on, partial(_rename_circle, on, provider, lines))


def _rename_circle(on: Connection, provider: str, lines: Sequence[Renamed]) -> list[str]:
    there = [is_linked(on, provider, old) for old, _ in lines]
    if not all(there):
        return [INCOMPLETE if is_there else MISSING for is_there in there]
    gone = [_delete_one(on, provider, old) for old, _ in lines]
    for row, (_, new) in zip(gone, lines, strict=True):
        _insert_one(on, row, new)
    return [CHANGED] * len(lines)


def _tried(on: Connection, work: Callable[[], list[str]]) -> list[str]:
    def once() -> list[str]:
        with on.transaction():
            found = work()
            # What is missing may have been changed by a run before, and on this machine alone.
            on.run(FENCE)
            return found

    for _ in range(RETRIES):
        try:
            found = on.patiently(once)
        except _Again:
            continue
        return found
    raise Unavailable("a pair is created and deleted over and over")


def _rename(on: Connection, provider: str, old: str, new: str) -> str:
    if not is_linked(on, provider, old):
        return MISSING
    if is_linked(on, provider, new):
        return CONFLICT
    _insert_one(on, _delete_one(on, provider, old), new)
    return CHANGED


def _delete_one(on: Connection, provider: str, ext_id: str) -> Row:
    now = datetime.now(UTC)
    pair = {"of_provider": provider, "of_ext_id": ext_id}
    rows = on.run(_delete, {**pair, **Origin()._asdict(), "now": now})
    if not rows:
        raise _Again
    return rows[0]


def _insert_one(on: Connection, row: Row, ext_id: str) -> None:
    now = datetime.now(UTC)
    new = {**row._asdict(), "ext_id": ext_id, "updated_at": now}
    if not on.run(_insert, {**new, **Origin()._asdict(), "now": now}):
        raise _Again
