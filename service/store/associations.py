"""Associations. Knows nothing of HTTP, and leaves permissions to its callers.

Every function may raise `service.database.Unavailable`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from service.database import RETRIES, Unavailable, execute
from service.database.replica import read
from service.database.replication import Fenced
from service.database.statements import Statement, insert_of
from service.models import Association
from service.store.recording import Origin, Recorded
from service.store.sameness import is_exactly

Row = Any
"""A named tuple: `user_id`, `provider`, `ext_id`, `profile_url`, `show_in_profile`, `metadata`.

`metadata` is JSON as text, which the answer takes as it is.
"""


class Taken(Exception):
    """The pair is linked already: to this user with other values, or to another user."""


class LimitReached(Exception):
    """The user has as many associations as one may have."""


class NotFound(Exception):
    """This user has no such association."""


class Created(NamedTuple):
    row: Row
    is_new: bool
    """False when exactly this was stored already."""


_TABLE = Association.__table__
_SHOWN = (
    _TABLE.c.user_id,
    _TABLE.c.provider,
    _TABLE.c.ext_id,
    _TABLE.c.profile_url,
    _TABLE.c.show_in_profile,
    sa.cast(_TABLE.c.metadata, sa.Text).label("metadata"),
)
DETAILED = (*_SHOWN, _TABLE.c.created_at, _TABLE.c.updated_at, _TABLE.c.created_by)
"""What admins and exports see."""
# Named apart from the columns: in an UPDATE a column's name stands for its new value.
IS_PAIR = sa.and_(
    _TABLE.c.provider == sa.bindparam("of_provider"), _TABLE.c.ext_id == sa.bindparam("of_ext_id")
)
_IS_OF_USER = _TABLE.c.user_id == sa.bindparam("of_user_id")
# `LIMIT` keeps the count cheap however many a user has.
_HELD = (
    sa.select(sa.func.count())
    .select_from(
        sa.select(_TABLE.c.user_id).where(_IS_OF_USER).limit(sa.bindparam("limit")).subquery()
    )
    .scalar_subquery()
)


def _insert_unless(dialect: str) -> Any:
    """INSERT unless the cap is reached or the pair is taken; the constraint decides on that."""
    # One parameter for both times: each further one takes time in the driver.
    parameter = {"created_at": "now", "updated_at": "now", "user_id": "of_user_id"}
    row = sa.select(*(sa.bindparam(parameter.get(c.name, c.name), type_=c.type) for c in _TABLE.c))
    return (
        insert_of(dialect)(Association)
        .from_select(_TABLE.c.keys(), row.where(sa.bindparam("limit") > _HELD))
        .on_conflict_do_nothing(index_elements=list(_TABLE.primary_key))
        .returning(*_SHOWN)
    )


_insert = Recorded(_insert_unless, "association.created")
_LIST_ALL = (
    sa.select(*_SHOWN)
    .where(_IS_OF_USER)
    .order_by(_TABLE.c.created_at, _TABLE.c.provider, _TABLE.c.ext_id)
)
_list_all = Statement(_LIST_ALL)
_list_shown = Statement(_LIST_ALL.where(_TABLE.c.show_in_profile))
LOOK_UP = Statement(sa.select(*_SHOWN).where(IS_PAIR))
_count = Statement(sa.select(_HELD.label("held")))
_delete = Recorded(
    lambda _: (
        sa.delete(Association)
        .where(IS_PAIR, _IS_OF_USER)
        .returning(_TABLE.c.user_id, _TABLE.c.provider, _TABLE.c.ext_id)
    ),
    "association.deleted",
)
_look_up_for_sure = Fenced(LOOK_UP)
_delete_for_sure = Fenced(_delete, is_repeated=True)


@cache
def _update(*names: str) -> Recorded:
    """UPDATE of these columns alone; few details make few statements to keep."""
    return Recorded(
        lambda _: (
            sa.update(Association)
            .where(IS_PAIR, _IS_OF_USER)
            .values({_TABLE.c[name]: sa.bindparam(f"new_{name}") for name in names})
            .values(updated_at=sa.bindparam("now"))
            .returning(*_SHOWN)
        ),
        "association.changed",
    )


def create(association: Mapping[str, Any], *, by: Origin, limit: int) -> Created:
    """Link a user to an identity.

    Args:
        association: all fields of the resource, valid.
        by: who does it; the association keeps the actor as `created_by`.
        limit: how many associations a user may have.

    Raises:
        Taken: somebody has the pair, and this is no repetition of what is stored.
        LimitReached: the user has `limit` associations already.
    """
    new = {**association, **by._asdict(), "now": datetime.now(UTC), "limit": limit}
    new["created_by"] = by.actor_id
    user_id = new["of_user_id"] = new.pop("user_id")
    for _ in range(RETRIES):
        if rows := execute(_insert, new):
            return Created(rows[0], is_new=True)
        # Refused. Both queries are made whoever has the pair: the time taken must not show it.
        existing = look_up(association["provider"], association["ext_id"])
        held: int = execute(_count, {"of_user_id": user_id, "limit": limit})[0].held
        if existing and is_exactly(existing[0], association):
            pair = {"of_provider": association["provider"], "of_ext_id": association["ext_id"]}
            if execute(_look_up_for_sure, pair) == existing:
                return Created(existing[0], is_new=False)
            continue
        if held >= limit:
            raise LimitReached
        if existing:
            raise Taken
        # What stood in the way was changed or deleted in the meantime.
    raise Unavailable("the pair is created and deleted over and over")


def list_of_user(user_id: int, *, with_hidden: bool) -> Sequence[Row]:
    """A user's associations by creation; `with_hidden`, also those not shown in the profile."""
    of_user = {"of_user_id": user_id}
    # Who sees hidden ones may have just written: not on a replica.
    return execute(_list_all, of_user) if with_hidden else read(_list_shown, of_user)


def look_up(provider: str, ext_id: str) -> Sequence[Row]:
    """The association with this pair, whoever has it: no row or one."""
    return execute(LOOK_UP, {"of_provider": provider, "of_ext_id": ext_id})


def change(
    user_id: int, provider: str, ext_id: str, changes: Mapping[str, Any], *, by: Origin
) -> Row:
    """Set the fields in `changes` and no other, so that parallel changes don't undo each other.

    Raises:
        NotFound: this user has no such association.
    """
    names = sorted(changes)
    new = {f"new_{name}": changes[name] for name in names}
    event = {**by._asdict(), "changed": ",".join(names), "now": datetime.now(UTC)}
    rows = execute(_update(*names), {**_key(user_id, provider, ext_id), **new, **event})
    if not rows:
        raise NotFound
    return rows[0]


def delete(user_id: int, provider: str, ext_id: str, *, by: Origin) -> None:
    """Unlink.

    Raises:
        NotFound: this user has no such association.
    """
    event = {**by._asdict(), "now": datetime.now(UTC)}
    asked = {**_key(user_id, provider, ext_id), **event}
    # "It is gone" ends the repetitions of a DELETE, as 204 would have.
    if not execute(_delete, asked) and not execute(_delete_for_sure, asked):
        raise NotFound


def _key(user_id: int, provider: str, ext_id: str) -> dict[str, Any]:
    return {"of_user_id": user_id, "of_provider": provider, "of_ext_id": ext_id}
