"""Who has the admin role by a grant kept here."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from service.database import Unavailable, execute
from service.database.replica import without_primary
from service.database.replication import Fenced
from service.database.statements import Statement, insert_of
from service.models import AdminGrant


@Fenced  # to grant twice writes nothing
@Statement
def _grant(dialect: str) -> Any:
    row: dict[str, Any] = {"user_id": sa.bindparam("user_id"), "granted_at": sa.bindparam("now")}
    return insert_of(dialect)(AdminGrant).values(row).on_conflict_do_nothing()


_IS_GRANTED_TO = AdminGrant.user_id == sa.bindparam("user_id")
_revoke = Fenced(
    Statement(sa.delete(AdminGrant).where(_IS_GRANTED_TO).returning(AdminGrant.user_id))
)
_granted = Statement(sa.select(AdminGrant.user_id).where(_IS_GRANTED_TO))
_list = Statement(sa.select(AdminGrant.user_id).order_by(AdminGrant.user_id))


def grant(user_id: int) -> None:
    """Give a user the admin role; to grant twice changes nothing."""
    execute(_grant, {"user_id": user_id, "now": datetime.now(UTC)})


def revoke(user_id: int) -> bool:
    """Take the role back. False when there was no grant."""
    return bool(execute(_revoke, {"user_id": user_id}))


def is_granted(user_id: int) -> bool:
    """Whether a user has a grant at this moment.

    While the primary is away, a replica's no counts. Its yes does not: the grant may have been
    withdrawn since.

    Raises:
        Unavailable: nobody can say.
    """
    try:
        return bool(execute(_granted, {"user_id": user_id}))
    except Unavailable:
        if without_primary(_granted, {"user_id": user_id}) == []:
            return False
        raise


def all_granted() -> list[int]:
    """The ids of all users with a grant, in order."""
    return [row.user_id for row in execute(_list)]
