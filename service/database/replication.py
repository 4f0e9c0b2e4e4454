"""Synchronous replication: what was committed on one machine alone is not acknowledged."""

from collections.abc import Mapping
from typing import Any

import psycopg
import sqlalchemy as sa

from service.database.statements import OnPostgresql, Run, Statement, Transaction


class NotReplicated(psycopg.OperationalError):
    """The server ended the wait for the replica: committed here, and perhaps nowhere else.

    PostgreSQL only warns then, and reports success.
    """

    sqlstate = "01000"


def is_given_up(diagnostic: psycopg.errors.Diagnostic) -> bool:
    """Whether a notice is that warning. Its text is in the server's language."""
    return diagnostic.source_function == "SyncRepWaitForLSN"


FENCE = OnPostgresql(
    sa.text(
        "SELECT CASE WHEN pg_current_wal_lsn() IS NOT NULL"
        " THEN pg_logical_emit_message(true, 'social', '') END"
    )
)
"""Changes nothing, and is committed like a change: it waits for the replica. (The first function
says what is the matter on a server that is not a primary yet, or any more; the second would fail
there as if by a bug.)

Run before an answer that says "it is stored" (or "it is gone") about what somebody else wrote: what
can be read may be on this machine alone. All that stands before the fence in the log of the
database is on the replica once the fence is (docs/decisions/0011). In one transaction with what was
read: after a failover the fence alone would be one of another machine, which may not have it.
"""


class Fenced(Transaction):
    """A statement whose rows, or that there are none, may be acknowledged.

    Args:
        if_found: rows alone are; that there are none acknowledges nothing.
        is_repeated: it gave no rows before, and is run again for the fence alone.
    """

    def __init__(
        self, statement: Statement, *, if_found: bool = False, is_repeated: bool = False
    ) -> None:
        super().__init__(self._run_both)
        self._statement = statement
        self._if_found = if_found
        self._is_repeated = is_repeated

    def run(self, cursor: Any, dialect: sa.Dialect, parameters: Mapping[str, Any]) -> list[Any]:
        # SQLite has no replica, and a transaction there would wait for whoever writes.
        if dialect.name == "postgresql":
            return super().run(cursor, dialect, parameters)
        return [] if self._is_repeated else self._statement.run(cursor, dialect, parameters)

    def _run_both(self, run: Run, parameters: Mapping[str, Any]) -> list[Any]:
        rows = run(self._statement, parameters)
        if rows or not self._if_found:
            run(FENCE, {})
        return rows
