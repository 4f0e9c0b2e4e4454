"""A statement written with SQLAlchemy, compiled once, and run on the driver.

SQLAlchemy's own way from a compiled statement to rows (cache key, execution context, result
metadata) took twice as long as the driver, PostgreSQL's answer included: without this, create
keeps 0.60 of its rate and list 0.64 (docs/decisions/0007). Only public API is used: the SQL and
the conversions of values are SQLAlchemy's.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import islice
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

Source = sa.Executable | Callable[[str], sa.Executable]
"""A Core statement, or a function that makes one for a dialect's name."""


class Statement:
    """Written once, compiled once for each dialect: no `IN` of a list, whose SQL varies with it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._compiled: dict[str, _Compiled] = {}

    def run(self, cursor: Any, dialect: sa.Dialect, parameters: Mapping[str, Any]) -> list[Any]:
        """Run it on a cursor of the driver.

        Returns: its rows as named tuples; none when it returns no rows.
        Raises: the driver's exceptions as they are.
        """
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = _Compiled(self._source, dialect)
        cursor.execute(compiled.sql, compiled.bind(parameters))
        return compiled.rows(cursor.fetchall()) if compiled.has_rows else []

    def stream(
        self, cursor: Any, dialect: sa.Dialect, parameters: Mapping[str, Any], at_once: int
    ) -> Generator[Sequence[Sequence[Any]], None, None]:
        """So many rows at a time, as plain tuples; PostgreSQL sends the next ones meanwhile."""
        compiled = _Compiled(self._source, dialect)
        values = compiled.bind(parameters)
        if dialect.name == "postgresql":
            rows = cursor.stream(compiled.sql, values, binary=True, size=at_once)
        else:
            rows = cursor.execute(compiled.sql, values)
        with closing(rows):
            while fetched := list(islice(rows, at_once)):
                yield compiled.tuples(fetched)


class OnPostgresql(Statement):
    """Run on PostgreSQL alone; elsewhere it gives no rows."""

    def run(self, cursor: Any, dialect: sa.Dialect, parameters: Mapping[str, Any]) -> list[Any]:
        return super().run(cursor, dialect, parameters) if dialect.name == "postgresql" else []


class _Compiled:
    """The SQL, how values go to the driver, and how rows come back."""

    def __init__(self, source: Source, dialect: sa.Dialect) -> None:
        statement: Any = source if isinstance(source, sa.Executable) else source(dialect.name)
        compiled = statement.compile(dialect=dialect)
        # psycopg looks a statement up by its bytes; those of a text are made and hashed each time.
        self.sql = compiled.string if compiled.positional else compiled.string.encode()
        # Values that the statement itself holds, such as SQLite's `OFFSET 0`.
        self._constants = {
            name: parameter.effective_value
            for parameter, name in compiled.bind_names.items()
            if not parameter.required
        }
        self._to_driver = {
            name: convert
            for parameter, name in compiled.bind_names.items()
            if (convert := parameter.type.dialect_impl(dialect).bind_processor(dialect))
        }
        # psycopg takes values by name, SQLite's driver in this order.
        self._order: list[str] | None = compiled.positiontup if compiled.positional else None

        columns = getattr(statement, "exported_columns", None) or ()
        self.has_rows = bool(columns)
        names = [column.name for column in columns]
        self._row: Any = namedtuple("Row", names)  # type: ignore[misc]  # mypy wants them as written
        self._from_driver = [
            (index, convert)
            for index, column in enumerate(columns)
            if (convert := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]

    def bind(self, parameters: Mapping[str, Any]) -> Any:
        """The values as the driver takes them."""
        values = {**self._constants, **parameters}
        for name, convert in self._to_driver.items():
            values[name] = convert(values[name])
        return values if self._order is None else [values[name] for name in self._order]

    def rows(self, fetched: list[tuple[Any, ...]]) -> list[Any]:
        """The driver's rows as named tuples."""
        make = self._row._make
        return [make(row) for row in self.tuples(fetched)]

    def tuples(self, fetched: list[tuple[Any, ...]]) -> Sequence[Sequence[Any]]:
        """The driver's rows."""
        return [self._converted(row) for row in fetched] if self._from_driver else fetched

    def _converted(self, row: tuple[Any, ...]) -> list[Any]:
        values = list(row)
        for index, convert in self._from_driver:
            values[index] = convert(values[index])
        return values


Run = Callable[[Statement, Mapping[str, Any]], list[Any]]
"""Runs a statement with its parameters and gives its rows."""


class Transaction:
    """Several statements as one transaction, where one statement can't do it.

    Passed to `execute` in a statement's place. `work` is called again when the database rolled
    it back because of another transaction.
    """

    def __init__(self, work: Callable[[Run, Mapping[str, Any]], list[Any]]) -> None:
        self.within = work
        """Does the same as a part of another transaction."""

    def run(self, cursor: Any, dialect: sa.Dialect, parameters: Mapping[str, Any]) -> list[Any]:
        """As `Statement.run`; the rows are what `work` returns."""

        def run(statement: Statement, values: Mapping[str, Any]) -> list[Any]:
            return statement.run(cursor, dialect, values)

        # SQLite: locked at once, so that nothing is refused half-way.
        cursor.execute("BEGIN IMMEDIATE" if dialect.name == "sqlite" else "BEGIN")
        try:
            rows = self.within(run, parameters)
            cursor.execute("COMMIT")
        except BaseException:
            # Without a connection, or on a full disk, the database has done so itself.
            with suppress(psycopg.Error, sqlite3.Error):
                cursor.execute("ROLLBACK")
            raise
        return rows


Execute = Callable[[Statement | Transaction, Mapping[str, Any]], list[Any]]
"""Does a statement or several as a transaction, as `service.database.execute` does."""


def insert_of(dialect: str) -> Any:
    """The dialect's own `insert`, which knows ON CONFLICT."""
    inserts = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
    return inserts[dialect]
