"""Many associations at once, for admins: look-up.

Every function may raise `service.database.Unavailable`.
"""

from collections.abc import Sequence
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
