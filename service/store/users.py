"""A user as a whole: what is stored about one, and forgetting it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from service.database import execute
from service.database.replication import FENCE
from service.database.statements import Run, Statement, Transaction
from service.models import AdminGrant, Association, Event
from service.store import events
from service.store.associations import DETAILED
from service.store.events import Row
from service.store.recording import Origin

_HAS = sa.bindparam("of_user_id", type_=sa.BigInteger)
_ASSOCIATION = Association.__table__
_EVENT = Event.__table__
_NAMES_THE_USER = sa.or_(_EVENT.c.user_id == _HAS, _EVENT.c.from_user_id == _HAS)
_ERASED = "user.erased"
_PAGE = 500

_unlink_all = Statement(
    sa.delete(Association).where(_ASSOCIATION.c.user_id == _HAS).returning(_ASSOCIATION.c.ext_id)
)
_revoke = Statement(
    sa.delete(AdminGrant).where(AdminGrant.user_id == _HAS).returning(AdminGrant.user_id)
)
_has_other_events = Statement(
    sa.select(_EVENT.c.seq).where(_NAMES_THE_USER, _EVENT.c.type != _ERASED).limit(1)
)
# What is linked now was linked after `_unlink_all` looked: its events are not of the past.
_forget = Statement(
    sa.delete(Event).where(
        _NAMES_THE_USER,
        ~sa.exists().where(
            _ASSOCIATION.c.user_id == _HAS,
            _ASSOCIATION.c.provider == _EVENT.c.provider,
            _ASSOCIATION.c.ext_id == _EVENT.c.ext_id,
        ),
    )
)
_record = Statement(
    sa.insert(Event).from_select(
        ["type", "occurred_at", "user_id", "actor_id", "request_id", "deleted"],
        sa.select(
            sa.literal_column(f"'{_ERASED}'"),
            sa.bindparam("now", type_=_EVENT.c.occurred_at.type),
            _HAS,
            sa.bindparam("actor_id", type_=sa.BigInteger),
            sa.bindparam("request_id", type_=sa.String),
            sa.bindparam("deleted", type_=sa.BigInteger),
        ),
    )
)


@Transaction
def _erase(run: Run, parameters: Mapping[str, Any]) -> list[Row]:
    # First, and so it waits for changes of these rows that are under way: their events are
    # there then, and go with the others.
    unlinked = run(_unlink_all, parameters)
    revoked = run(_revoke, parameters)
    if unlinked or revoked or run(_has_other_events, parameters):
        run(_forget, parameters)
        run(_record, {**parameters, "deleted": len(unlinked)})
    else:
        run(FENCE, {})
    return unlinked


def erase(user_id: int, *, by: Origin) -> int:
    """Forget a user: associations, the admin grant, and all events but a new `user.erased`.

    Where nothing but that event is left already, nothing changes.

    Returns: how many associations there were.
    """
    now = datetime.now(UTC)
    return len(execute(_erase, {**by._asdict(), "of_user_id": user_id, "now": now}))


class Stored(NamedTuple):
    """All that is stored about a user."""

    associations: Sequence[Row]
    """With the columns of `DETAILED`."""
    events: Sequence[Row]
    """Those that name the user, in the order of their ids."""
    admin_since: datetime | None


_linked = Statement(
    sa.select(*DETAILED)
    .where(_ASSOCIATION.c.user_id == _HAS)
    .order_by(_ASSOCIATION.c.created_at, _ASSOCIATION.c.provider, _ASSOCIATION.c.ext_id)
)
_granted = Statement(sa.select(AdminGrant.granted_at).where(AdminGrant.user_id == _HAS))


def stored(user_id: int) -> Stored:
    """What `erase` would delete."""
    of_user = {"of_user_id": user_id}
    found: list[Row] = []
    page: Sequence[Row] = events.history(user_id, before=2**63 - 1, limit=_PAGE)
    while page:
        found += page
        page = events.history(user_id, before=page[-1].id, limit=_PAGE)
    grants = execute(_granted, of_user)
    return Stored(execute(_linked, of_user), found[::-1], grants[0].granted_at if grants else None)
