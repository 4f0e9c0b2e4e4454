"""Many associations at once: the batches of an import.

A batch lies in a temporary table first. One INSERT moves it, with its events, into the table; the
constraint decides on each pair, as it does for a single create.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from service import strict_json
from service.database import RETRIES, Unavailable, scratch
from service.database.apart import Connection
from service.database.statements import Statement, insert_of
from service.models import Association
from service.store.associations import DETAILED, Row
from service.store.recording import Origin, Recorded
from service.store.sameness import is_exactly, is_same

CREATED, UNCHANGED, CONFLICT = "created", "unchanged", "conflict"

Pair = tuple[str, str]
"""`provider` and `ext_id`."""


class New(NamedTuple):
    """An association to be made; what is None is taken from the moment and from who makes it."""

    association: Mapping[str, Any]
    """All fields of the resource, valid."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    created_by: int | None = None

    @property
    def pair(self) -> Pair:
        return self.association["provider"], self.association["ext_id"]


_TABLE = Association.__table__
_BATCH = sa.Table(
    "social_batch", sa.MetaData(), *(sa.Column(column.name, column.type) for column in _TABLE.c)
)
_COLUMNS = [column.name for column in _BATCH.c]
_in_order = itemgetter(*_COLUMNS)
_CREATE_BATCH = {
    # Gone with the transaction: behind a pooler the next one may have another connection.
    "postgresql": "CREATE TEMPORARY TABLE social_batch ON COMMIT DROP AS "
    "SELECT * FROM social_association WITH NO DATA",
    "sqlite": "CREATE TEMPORARY TABLE IF NOT EXISTS social_batch AS "
    "SELECT * FROM social_association LIMIT 0",
}
_put = Statement(sa.insert(_BATCH).values({n: sa.bindparam(n) for n in _COLUMNS}))
_empty = Statement(sa.delete(_BATCH))
_insert = Recorded(
    lambda dialect: (
        insert_of(dialect)(Association)
        # SQLite reads ON CONFLICT as a part of a SELECT without WHERE.
        .from_select(_COLUMNS, sa.select(*_BATCH.c).where(sa.text("true")))
        .on_conflict_do_nothing(index_elements=list(_TABLE.primary_key))
        .returning(_TABLE.c.user_id, _TABLE.c.provider, _TABLE.c.ext_id)
    ),
    "association.created",
)
_stored = Statement(
    sa.select(*DETAILED).join(
        _BATCH,
        sa.and_(_TABLE.c.provider == _BATCH.c.provider, _TABLE.c.ext_id == _BATCH.c.ext_id),
    )
)


def create_all(
    on: Connection, new: Sequence[New], *, by: Origin, sent: Callable[[], object] = lambda: None
) -> list[str]:
    """Link users to identities, as creates in a row would, but for the cap.

    Args:
        sent: called when the database has all of them, and the work begins there.

    Returns: what came of each: `CREATED`; `UNCHANGED` where exactly this was stored already for
        the same user; `CONFLICT` where the pair is linked otherwise.
    """
    outcomes = [""] * len(new)
    left: Sequence[int] = range(len(new))
    for _ in range(RETRIES):
        # The first of a pair goes to the database, later ones are held against it.
        firsts = {new[place].pair: place for place in reversed(left)}
        # In one order whoever writes: two imports don't wait for each other in a circle.
        batch = [new[place] for _, place in sorted(firsts.items())]
        is_all = len(batch) == len(left)
        made, stored = on.patiently(partial(_write, on, batch, by, sent, is_all=is_all))
        if len(made) == len(new):
            return [CREATED] * len(new)
        lost = []
        for place in left:
            pair = new[place].pair
            if pair in made and firsts[pair] == place:
                outcomes[place] = CREATED
            elif pair in stored:
                outcomes[place] = _compared(stored[pair], new[place])
            else:
                lost.append(place)
        if not lost:
            return outcomes
        left = lost  # what stood in the way was deleted in the meantime
    raise Unavailable("a pair is created and deleted over and over")


def _compared(row: Row, new: New) -> str:
    return UNCHANGED if is_exactly(row, new.association) else CONFLICT


def _write(
    on: Connection, batch: Sequence[New], by: Origin, sent: Callable[[], object], *, is_all: bool
) -> tuple[set[Pair], dict[Pair, Row]]:
    """The pairs that were made; and what is stored, unless they are all that is asked for."""
    now = datetime.now(UTC)
    with on.transaction():
        _put_all(on, batch, now, by.actor_id)
        sent()
        rows = on.run(_insert, {**by._asdict(), "now": now})
        made = {(row.provider, row.ext_id) for row in rows}
        return made, {} if is_all and len(made) == len(batch) else _all_stored(on)


def _all_stored(on: Connection) -> dict[Pair, Row]:
    return {(row.provider, row.ext_id): row for row in on.run(_stored)}


def _put_all(on: Connection, batch: Sequence[New], now: datetime, by: int | None) -> None:
    on.script(_CREATE_BATCH["postgresql" if on.is_postgresql else "sqlite"])
    if on.is_postgresql:
        # Written once: the driver takes as long for a row's moments as for all else of it.
        moment = now.isoformat()
        on.copy(_BATCH.name, _COLUMNS, (_for_copy(_columns(new, moment, by)) for new in batch))
        return
    on.run(_empty)
    for new in batch:
        on.run(_put, _columns(new, now, by))


def _columns(new: New, now: datetime | str, by: int | None) -> dict[str, Any]:
    return {
        **new.association,
        "created_at": new.created_at or new.updated_at or now,
        "updated_at": new.updated_at or new.created_at or now,
        "created_by": new.created_by or by,
    }


def _for_copy(row: dict[str, Any]) -> Any:
    if row["metadata"] is not None:
        row["metadata"] = strict_json.dumps(row["metadata"])
    return _in_order(row)


class Rehearsal:
    """Says what `create_all` would do, batch after batch, and changes nothing.

    What it would have made lies in a temporary file, however much that is.
    """

    def __init__(self) -> None:
        self._made = scratch.connect()
        self._made.execute(
            "CREATE TABLE made (provider, ext_id, association, PRIMARY KEY (provider, ext_id))"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._made.close()

    def create_all(self, on: Connection, new: Sequence[New]) -> list[str]:
        """As the function of this name."""
        stored = on.patiently(partial(_look_up, on, new))
        return [
            _compared(stored[one.pair], one) if one.pair in stored else self._create(one)
            for one in new
        ]

    def _create(self, new: New) -> str:
        text = strict_json.dumps(new.association)
        insert = "INSERT INTO made VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        if self._made.execute(insert, (*new.pair, text)).rowcount:
            return CREATED
        look_up = "SELECT association FROM made WHERE (provider, ext_id) = (?, ?)"
        ((found,),) = self._made.execute(look_up, new.pair)
        return UNCHANGED if is_same(json.loads(found), new.association) else CONFLICT


def _look_up(on: Connection, new: Sequence[New]) -> dict[Pair, Row]:
    """What is stored of these pairs."""
    with on.transaction(keep=False):
        _put_all(on, new, datetime.now(UTC), None)
        return _all_stored(on)
