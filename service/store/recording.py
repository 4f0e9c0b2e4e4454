"""A change and its event: one statement on PostgreSQL, one transaction on SQLite."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from service.database.statements import Run, Statement, Transaction
from service.models import EVENT_TYPES, Event


class Origin(NamedTuple):
    """Who made a change, and in which request. Commands have neither."""

    actor_id: int | None = None
    request_id: str | None = None


_EVENT = Event.__table__


class Recorded(Statement):
    """A change of associations, and an event of each.

    Args:
        change: makes the INSERT, UPDATE or DELETE for a dialect's name; it returns at least
            `user_id`, `provider` and `ext_id` of each row that it touched.
        type: the events' type.

    Its parameters are those of the change, `now`, those of `Origin`, and the type's further columns
    in `EVENT_TYPES`.
    """

    def __init__(self, change: Callable[[str], Any], type: str) -> None:
        self._type = type
        super().__init__(lambda dialect: self._in_one_statement(change(dialect)))
        self._separately = Transaction(self._run_both)
        self._change = Statement(change)
        self._event = Statement(self._insert(sa.bindparam))

    def run(self, cursor: Any, dialect: sa.Dialect, parameters: Mapping[str, Any]) -> list[Any]:
        if dialect.name == "postgresql":
            return super().run(cursor, dialect, parameters)
        # SQLite has no statement that writes two tables.
        if cursor.connection.in_transaction:
            return self._run_both(
                lambda statement, values: statement.run(cursor, dialect, values), parameters
            )
        return self._separately.run(cursor, dialect, parameters)

    def _insert(self, of_pair: Callable[[str], Any]) -> Any:
        values = self._values(of_pair)
        return sa.insert(Event).from_select(list(values), sa.select(*values.values()))

    def _values(self, of_pair: Callable[[str], Any]) -> dict[str, Any]:
        values: dict[str, Any] = {
            "type": sa.literal_column(f"'{self._type}'"),
            "occurred_at": sa.bindparam("now", type_=_EVENT.c.occurred_at.type),
        }
        values |= {name: of_pair(name) for name in ("user_id", "provider", "ext_id")}
        parameters = (*Origin._fields, *EVENT_TYPES[self._type])
        return values | {n: sa.bindparam(n, type_=_EVENT.c[n].type) for n in parameters}

    def _in_one_statement(self, change: Any) -> Any:
        changed = change.cte("change")
        event = self._insert(lambda name: changed.c[name]).cte("event")
        return sa.select(changed).add_cte(event)

    def _run_both(self, run: Run, parameters: Mapping[str, Any]) -> list[Any]:
        rows = run(self._change, parameters)
        for row in rows:
            pair = {"user_id": row.user_id, "provider": row.provider, "ext_id": row.ext_id}
            run(self._event, {**parameters, **pair})
        return rows
