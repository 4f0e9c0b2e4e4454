"""A statement written with SQLAlchemy, compiled once, and run on the driver.

SQLAlchemy's own way from a compiled statement to rows (cache key, execution context, result
metadata) took twice as long as the driver, PostgreSQL's answer included: a fifth of a create's
time and a tenth of a list's (docs/decisions/0007). Its SQL and its types' conversions stay in use.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

Convert = Callable[[Any], Any]


class Statement:
    """A Core statement, or a function that makes one for a dialect's name."""

    def __init__(self, source: sa.Executable | Callable[[str], sa.Executable]) -> None:
        self._source = source
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Any, dialect: sa.Dialect, parameters: Mapping[str, Any]) -> list[Any]:
        """Run it on a connection of the driver.

        Returns: its rows as named tuples; none when it returns no rows.
        Raises: the driver's exceptions as they are.
        """
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _Compiled(self._source, dialect)
        cursor = connection.execute(compiled.sql, compiled.bind(parameters))
        return compiled.rows(cursor.fetchall()) if compiled.has_rows else []


class _Compiled:
    def __init__(
        self, source: sa.Executable | Callable[[str], sa.Executable], dialect: sa.Dialect
    ) -> None:
        statement: Any = source if isinstance(source, sa.Executable) else source(dialect.name)
        compiled = statement.compile(dialect=dialect)
        self.sql: str = compiled.string
        self._converts: dict[str, Convert] = {}
        for name, parameter in compiled.binds.items():
            if convert := parameter.type.dialect_impl(dialect).bind_processor(dialect):
                self._converts[name] = convert
        # What the statement holds of its own, such as SQLite's `OFFSET 0`.
        self._constants = {
            name: value for name, value in compiled.params.items() if value is not None
        }
        # The driver takes its parameters by name, or (SQLite's) in this order.
        self._order: list[str] | None = compiled.positiontup if compiled.positional else None
        columns = getattr(statement, "exported_columns", None) or ()
        self.has_rows = bool(columns)
        self._row: Any = namedtuple("Row", [column.name for column in columns])  # type: ignore[misc]
        self._reads = [
            (index, read)
            for index, column in enumerate(columns)
            if (read := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]

    def bind(self, parameters: Mapping[str, Any]) -> Any:
        converts = self._converts
        found = {
            **self._constants,
            **{
                name: converts[name](value) if name in converts else value
                for name, value in parameters.items()
            },
        }
        return found if self._order is None else [found[name] for name in self._order]

    def rows(self, fetched: list[tuple[Any, ...]]) -> list[Any]:
        make = self._row._make
        return [make(self._read(row)) for row in fetched] if self._reads else [*map(make, fetched)]

    def _read(self, row: tuple[Any, ...]) -> list[Any]:
        values = list(row)
        for index, read in self._reads:
            values[index] = read(values[index])
        return values


def insert_of(dialect: str) -> Any:
    """The dialect's own `insert`, which knows ON CONFLICT."""
    inserts = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
    return inserts[dialect]
