"""Every query and every write. Knows nothing of HTTP and asks nobody for permission.

Rows come back as SQLAlchemy rows with the attributes `user_id`, `provider`, `ext_id`,
`profile_url`, `show_in_profile` and `metadata`. Whatever is called may raise
`service.database.Unavailable`.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from service.database import RETRIES, Unavailable, db, execute
from service.models import AdminGrant, Association

Row = sa.Row[Any]


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
    _TABLE.c.metadata,
)
_IS_PAIR = sa.and_(
    _TABLE.c.provider == sa.bindparam("provider"), _TABLE.c.ext_id == sa.bindparam("ext_id")
)
_IS_OF_USER = _TABLE.c.user_id == sa.bindparam("user_id")
# `LIMIT` keeps the count cheap however many a user has.
_HELD = (
    sa.select(sa.func.count())
    .select_from(
        sa.select(_TABLE.c.user_id).where(_IS_OF_USER).limit(sa.bindparam("limit")).subquery()
    )
    .scalar_subquery()
)


def _build_insert(dialect: Any) -> Any:
    """INSERT unless the cap is reached or the pair is taken; the constraint decides on that."""
    # One parameter for both times: each costs its share of the statement's time in the client.
    parameter = {"created_at": "now", "updated_at": "now"}
    row = sa.select(*(sa.bindparam(parameter.get(c.name, c.name), type_=c.type) for c in _TABLE.c))
    return (
        dialect.insert(Association)
        .from_select(_TABLE.c.keys(), row.where(sa.bindparam("limit") > _HELD))
        .on_conflict_do_nothing(index_elements=list(_TABLE.primary_key))
        .returning(*_SHOWN)
    )


_INSERT = {"postgresql": _build_insert(postgresql), "sqlite": _build_insert(sqlite)}
_SELECT_PAIR = sa.select(*_SHOWN).where(_IS_PAIR)
_SELECT_HELD = sa.select(_HELD)
_LIST = (
    sa.select(*_SHOWN)
    .where(_IS_OF_USER)
    .order_by(_TABLE.c.created_at, _TABLE.c.provider, _TABLE.c.ext_id)
)
_LIST_SHOWN = _LIST.where(_TABLE.c.show_in_profile)
_DELETE = sa.delete(Association).where(_IS_PAIR, _IS_OF_USER).returning(_TABLE.c.user_id)


def create(association: Mapping[str, Any], *, created_by: int, limit: int) -> Created:
    """Link a user to an identity.

    Args:
        association: the resource's six fields, valid.
        created_by: the id of the acting user.
        limit: how many associations a user may have.

    Raises:
        Taken: somebody has the pair, and this is no repetition of what is stored.
        LimitReached: the user has `limit` associations already.
    """
    new = {**association, "now": datetime.now(UTC), "created_by": created_by}
    insert = _INSERT[db.engine.dialect.name]
    for _ in range(RETRIES):
        if rows := execute(insert, {**new, "limit": limit}):
            return Created(rows[0], is_new=True)
        # Refused. Ask why, in the same way whoever has the pair.
        existing = execute(_SELECT_PAIR, _pair(association))
        held: int = execute(_SELECT_HELD, {"user_id": association["user_id"], "limit": limit})[0][0]
        if existing and _is_same(existing[0], association):
            return Created(existing[0], is_new=False)
        if held >= limit:
            raise LimitReached
        if existing:
            raise Taken
        # What stood in the way was deleted in the meantime.
    raise Unavailable("the pair is created and deleted over and over")


def list_of_user(user_id: int, *, with_hidden: bool) -> Sequence[Row]:
    """A user's associations by creation; without the hidden ones if so told."""
    return execute(_LIST if with_hidden else _LIST_SHOWN, {"user_id": user_id})


def find(provider: str, ext_id: str) -> Sequence[Row]:
    """The association with this pair, whoever has it: no row or one."""
    return execute(_SELECT_PAIR, {"provider": provider, "ext_id": ext_id})


def change(user_id: int, provider: str, ext_id: str, changes: Mapping[str, Any]) -> Row:
    """Set the fields in `changes` and no other, so that parallel changes don't undo each other.

    Raises:
        NotFound: this user has no such association.
    """
    statement = (
        sa.update(Association)
        # Values here, since in an UPDATE a column's name as a parameter means its new value.
        .where(
            _TABLE.c.provider == provider,
            _TABLE.c.ext_id == ext_id,
            _TABLE.c.user_id == user_id,
        )
        .values({_TABLE.c[name]: value for name, value in changes.items()})
        .values(updated_at=datetime.now(UTC))
        .returning(*_SHOWN)
    )
    rows = execute(statement)
    if not rows:
        raise NotFound
    return rows[0]


def delete(user_id: int, provider: str, ext_id: str) -> None:
    """Unlink.

    Raises:
        NotFound: this user has no such association.
    """
    if not execute(_DELETE, {"user_id": user_id, "provider": provider, "ext_id": ext_id}):
        raise NotFound


def _pair(association: Mapping[str, Any]) -> dict[str, Any]:
    return {"provider": association["provider"], "ext_id": association["ext_id"]}


def _is_same(row: Row, association: Mapping[str, Any]) -> bool:
    return all(_is_same_json(value, association[name]) for name, value in row._mapping.items())


def _is_same_json(one: Any, other: Any) -> bool:
    """Equal as JSON values: to Python `True == 1`, but to JSON it is another value."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            _is_same_json(one[key], other[key]) for key in one
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same_json, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def grant_admin(user_id: int) -> None:
    """Give a user the admin role; to grant twice changes nothing."""
    dialect = {"postgresql": postgresql, "sqlite": sqlite}[db.engine.dialect.name]
    statement = dialect.insert(AdminGrant).on_conflict_do_nothing()
    execute(statement, {"user_id": user_id, "granted_at": datetime.now(UTC)})


def revoke_admin(user_id: int) -> bool:
    """Take the role back. False when there was no grant."""
    statement = sa.delete(AdminGrant).where(AdminGrant.user_id == sa.bindparam("user_id"))
    return bool(execute(statement.returning(AdminGrant.user_id), {"user_id": user_id}))


_IS_GRANTED = sa.select(AdminGrant.user_id).where(AdminGrant.user_id == sa.bindparam("user_id"))


def is_granted_admin(user_id: int) -> bool:
    return bool(execute(_IS_GRANTED, {"user_id": user_id}))


def granted_admins() -> list[int]:
    """The ids of all users with a grant, in order."""
    rows = execute(sa.select(AdminGrant.user_id).order_by(AdminGrant.user_id), {})
    return [row.user_id for row in rows]


def schema_revision() -> str | None:
    """The migration that the database is at; None when it knows of none."""
    try:
        rows = execute(sa.text("SELECT version_num FROM alembic_version"), {})
    except sa.exc.DBAPIError:  # no such table
        return None
    return rows[0].version_num if rows else None
