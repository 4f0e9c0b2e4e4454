"""Associations as the store takes them, and as they lie in the table."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from service.database import db, execute
from service.database.statements import Statement
from service.models import Association, Event
from service.store import associations, events
from service.store.recording import Origin
from tests.support.factories import UNSET, facebook

TABLE: Any = Association.__table__
BY = Origin(7, "a-request")


def association(**changes: Any) -> dict[str, Any]:
    """One of user 7 at a provider that isn't `external`, as it comes from the schemas."""
    return facebook() | UNSET | changes


def external(**changes: Any) -> dict[str, Any]:
    return association(provider="external", ext_id="ex-1", **changes)


def link(*, created_by: int = 7, limit: int = 100, **changes: Any) -> associations.Created:
    return associations.create(association(**changes), by=Origin(created_by), limit=limit)


def rows() -> list[dict[str, Any]]:
    """The whole table, by pair; read by another way than the store's."""
    query = sa.select(TABLE).order_by(TABLE.c.provider, TABLE.c.ext_id)
    with db.engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(query)]


def row() -> dict[str, Any]:
    """The only row of the table."""
    (only,) = rows()
    return only


def insert(*, created_at: datetime, **changes: Any) -> None:
    """Put a row into the table as it never came through the store."""
    others = {"created_at": created_at, "updated_at": created_at, "created_by": 7}
    values = association(**(others | changes))
    with db.engine.connect() as connection:
        connection.execute(sa.insert(TABLE).values(values))


def ask(sql: str) -> Any:
    """Run a statement on the service's own way; gives the one value that comes back."""
    ((value,),) = execute(Statement(sa.text(sql).columns(sa.column("value"))))
    return value


def feed(after: int = 0, limit: int = 500) -> list[Any]:
    """The events, as the store has them."""
    return list(events.feed(after, limit))


def types() -> list[str]:
    return [event.type for event in feed()]


def write_without_ids(count: int) -> None:
    """Events that nobody has read yet, as after an import."""
    events_of_7 = [
        {
            "type": "association.deleted",
            "occurred_at": datetime.now(UTC),
            "user_id": 7,
            "provider": "facebook",
            "ext_id": f"fb-{number}",
        }
        for number in range(count)
    ]
    with db.engine.begin() as connection:
        connection.execute(sa.insert(Event), events_of_7)
