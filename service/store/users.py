"""A user as a whole: what is stored about one, and forgetting it."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from service.database import Unavailable, execute
from service.database.replication import FENCE
from service.database.statements import Execute, OnPostgresql, Run, Statement, Transaction
from service.database.timeouts import LOCK_TIMEOUT
from service.models import AdminGrant, Association, Event
from service.store import events
from service.store.associations import DETAILED
from service.store.events import Row
from service.store.numbering import LOCK_COUNTER, number_at_leisure
from service.store.recording import Origin

_HAS = sa.bindparam("of_user_id", type_=sa.BigInteger)
_ASSOCIATION = Association.__table__
_EVENT = Event.__table__
_NAMES_THE_USER = sa.or_(_EVENT.c.user_id == _HAS, _EVENT.c.from_user_id == _HAS)
_ERASED = "user.erased"
_PAGE = 500
_LOOK = 0.005  # seconds
_LARGEST = 2**63 - 1

_unlink_all = Statement(
    sa.delete(Association).where(_ASSOCIATION.c.user_id == _HAS).returning(_ASSOCIATION.c.ext_id)
)
_revoke = Statement(
    sa.delete(AdminGrant).where(AdminGrant.user_id == _HAS).returning(AdminGrant.user_id)
)
_has_other_events = Statement(
    sa.select(_EVENT.c.seq).where(_NAMES_THE_USER, _EVENT.c.type != _ERASED).limit(1)
)
# But for those of what was linked after the erasure had begun, and is there now.
_forget = Statement(
    sa.delete(Event).where(
        _NAMES_THE_USER,
        sa.or_(
            _EVENT.c.seq < sa.bindparam("place", type_=sa.BigInteger),
            ~sa.exists().where(
                _ASSOCIATION.c.user_id == _HAS,
                _ASSOCIATION.c.provider == _EVENT.c.provider,
                _ASSOCIATION.c.ext_id == _EVENT.c.ext_id,
            ),
        ),
    )
)
_record = Statement(
    sa.insert(Event).from_select(
        ["seq", "type", "occurred_at", "user_id", "actor_id", "request_id", "deleted"],
        sa.select(
            sa.bindparam("place", type_=sa.BigInteger),
            sa.literal_column(f"'{_ERASED}'"),
            sa.bindparam("now", type_=_EVENT.c.occurred_at.type),
            _HAS,
            sa.bindparam("actor_id", type_=sa.BigInteger),
            sa.bindparam("request_id", type_=sa.String),
            sa.bindparam("deleted", type_=sa.BigInteger),
        ),
    )
)


_take_a_place = OnPostgresql(
    sa.text("SELECT nextval(pg_get_serial_sequence('social_event', 'seq')) AS place").columns(
        sa.column("place")
    )
)
_writers = OnPostgresql(
    sa.text("""
SELECT virtualtransaction AS writer FROM pg_locks
WHERE relation = 'social_association'::regclass AND mode = 'RowExclusiveLock'
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND pid <> pg_backend_pid()""").columns(sa.column("writer"))
)


@Transaction
def _erase(run: Run, parameters: Mapping[str, Any]) -> list[Row]:
    # Its event's place is before those of changes that begin from now on. SQLite, where nobody
    # else writes meanwhile, gives one when it is written.
    taken = run(_take_a_place, {})
    _wait_for_changes_under_way(run, parameters["patience"])
    unlinked = run(_unlink_all, parameters)
    # Nobody gets an id from here on until this is committed: what is linked in the meantime, and
    # stays, comes after the erasure in the feed too.
    run(LOCK_COUNTER, {})
    # Again: for what was linked before that, and for a re-key that was in the way, which has put
    # its row back under another ext_id.
    while more := run(_unlink_all, parameters):
        unlinked += more
    revoked = run(_revoke, parameters)
    if unlinked or revoked or run(_has_other_events, parameters):
        place = taken[0].place if taken else None
        run(_forget, {**parameters, "place": place or _LARGEST})
        run(_record, {**parameters, "place": place, "deleted": len(unlinked)})
    else:
        run(FENCE, {})
    return unlinked


def _wait_for_changes_under_way(run: Run, patience: float) -> None:
    """Until what they made can be seen, and their events come before the erasure's."""
    end = time.monotonic() + patience
    before = set(run(_writers, {}))
    while before := before & set(run(_writers, {})):
        if time.monotonic() > end:
            raise Unavailable("changes of associations are under way that take long")
        time.sleep(_LOOK)


def erase(
    user_id: int, *, by: Origin, run: Execute = execute, patience: float = LOCK_TIMEOUT
) -> int:
    """Forget a user: associations, the admin grant, and all events but a new `user.erased`.

    Where nothing but that event is left already, nothing changes.

    Args:
        run: does a transaction; a command's takes longer than a request's may.
        patience: seconds to wait for changes of associations that are under way.

    Returns: how many associations there were.
    """
    asked = {**by._asdict(), "of_user_id": user_id, "now": datetime.now(UTC), "patience": patience}
    return len(run(_erase, asked))


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
    number_at_leisure()
    found: list[Row] = []
    page: Sequence[Row] = events.history(user_id, before=_LARGEST, limit=_PAGE)
    while page:
        found += page
        page = events.history(user_id, before=page[-1].id, limit=_PAGE)
    grants = execute(_granted, of_user)
    return Stored(execute(_linked, of_user), found[::-1], grants[0].granted_at if grants else None)
