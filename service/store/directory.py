"""Many associations at once, for admins: look-up and search.

Every function may raise `service.database.Unavailable`.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from service.database import execute
from service.database.statements import Statement
from service.models import Association
from service.store.associations import DETAILED, Row

_TABLE = Association.__table__


class Found(NamedTuple):
    rows: Sequence[Row]
    """With the columns of `DETAILED`, in the order asked."""
    missing: Sequence[Any]
    """Of what was asked, that which has nothing; in the order asked."""


def _one_of(column: Any, kind: Any, dialect: str) -> Any:
    """Whether a column is among `asked`: one parameter, however long the list is."""
    if dialect == "postgresql":
        return column == sa.any_(sa.bindparam("asked", type_=ARRAY(kind)))
    values = sa.func.json_each(sa.bindparam("asked", type_=sa.JSON)).table_valued("value")
    return column.in_(sa.select(values.c.value))


_of_identities = Statement(
    lambda dialect: sa.select(*DETAILED).where(
        _TABLE.c.provider == sa.bindparam("of_provider"), _one_of(_TABLE.c.ext_id, sa.Text, dialect)
    )
)
_of_users = Statement(
    lambda dialect: (
        sa.select(*DETAILED)
        .where(_one_of(_TABLE.c.user_id, sa.BigInteger, dialect))
        .order_by(_TABLE.c.user_id, _TABLE.c.created_at, _TABLE.c.provider, _TABLE.c.ext_id)
    )
)


def of_identities(provider: str, ext_ids: Sequence[str]) -> Found:
    """Who has these at the provider; each `ext_id` stands there once."""
    rows = execute(_of_identities, {"of_provider": provider, "asked": ext_ids})
    found = {row.ext_id: row for row in rows}
    return Found(
        [found[ext_id] for ext_id in ext_ids if ext_id in found],
        [ext_id for ext_id in ext_ids if ext_id not in found],
    )


def of_users(user_ids: Sequence[int]) -> Found:
    """What these users have; each stands there once."""
    found: dict[int, list[Row]] = {user_id: [] for user_id in user_ids}
    for row in execute(_of_users, {"asked": user_ids}):
        found[row.user_id].append(row)
    rows = [row for own in found.values() for row in own]
    return Found(rows, [user_id for user_id, own in found.items() if not own])


_AFTER: Any = [sa.bindparam(f"after_{name}", type_=sa.String) for name in ("provider", "ext_id")]
# Apart, as PostgreSQL guesses how many rows each holds: of `(provider, ext_id) > (…)` it sees the
# provider alone, and where few rows have a later one it would sort all that have this one.
_WITHIN = sa.and_(_TABLE.c.provider == _AFTER[0], _TABLE.c.ext_id > _AFTER[1])
_BEYOND = _TABLE.c.provider > _AFTER[0]


def _search(dialect: str, *, at_one_provider: bool, by_one_user: bool) -> sa.Select[Any]:
    """Look into an index where the page begins, and take the first rows of each look."""
    order = ["provider", "ext_id"]
    looks = [sa.select(*DETAILED).where(_WITHIN), sa.select(*DETAILED).where(_BEYOND)]
    if at_one_provider:
        looks.pop()
    if by_one_user:
        # As a list of one, which PostgreSQL takes for no constant: in this order the rows are in
        # the index by maker alone. Through that of all pairs it might go on without an end.
        order.insert(0, "created_by")
        made = _one_of(_TABLE.c.created_by, sa.BigInteger, dialect)
        looks = [look.where(made, _TABLE.c.created_by != _TABLE.c.user_id) for look in looks]
        looks.append(_own(at_one_provider=at_one_provider))
    limit: Any = sa.bindparam("limit")
    pages = [
        look.order_by(*(look.selected_columns[name] for name in order)).limit(limit).subquery()
        for look in looks
    ]
    found = sa.union_all(*(sa.select(page) for page in pages)).subquery()
    return sa.select(found).order_by(*(found.c[name] for name in order)).limit(limit)


def _own(*, at_one_provider: bool) -> sa.Select[Any]:
    """What a user made itself: in no index by maker, but among the few that the user has."""
    has: Any = sa.bindparam("of_user_id")
    linked = sa.select(*DETAILED).where(_TABLE.c.user_id == has, _TABLE.c.created_by == has)
    # Found first, and only then compared: else the pair's index would look good.
    own = linked.cte("own").prefix_with("MATERIALIZED")
    own_ones = sa.select(own).where(sa.tuple_(own.c.provider, own.c.ext_id) > sa.tuple_(*_AFTER))
    return own_ones.where(own.c.provider == _AFTER[0]) if at_one_provider else own_ones


@cache
def _statement(**options: bool) -> Statement:
    return Statement(lambda dialect: _search(dialect, **options))


def search(
    provider: str | None, created_by: int | None, *, after: tuple[str, str], limit: int
) -> Sequence[Row]:
    """The associations behind a pair, in the order of pairs.

    Args:
        provider: only those at this one.
        created_by: only those that this user made.
        after: a provider (not looked at where `provider` names one) and an ext_id.
        limit: how many at most.

    Returns: rows with the columns of `DETAILED`.
    """
    statement = _statement(at_one_provider=provider is not None, by_one_user=created_by is not None)
    asked = {"after_provider": provider or after[0], "after_ext_id": after[1], "limit": limit}
    return execute(statement, {**asked, "asked": [created_by], "of_user_id": created_by})
