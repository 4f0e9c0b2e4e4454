"""Synchronous replication: what was committed on one machine alone is not acknowledged."""

from typing import Any

import psycopg
import sqlalchemy as sa

from service.database.statements import Statement


class NotReplicated(psycopg.OperationalError):
    """The server ended the wait for the replica: committed here, and perhaps nowhere else.

    PostgreSQL only warns then, and reports success.
    """

    sqlstate = "01000"


def is_given_up(diagnostic: psycopg.errors.Diagnostic) -> bool:
    """Whether a notice is that warning. Its text is in the server's language."""
    return diagnostic.source_function == "SyncRepWaitForLSN"


class _Fence(Statement):
    """Nothing on SQLite, which has no replica."""

    def run(self, cursor: Any, dialect: sa.Dialect, parameters: Any) -> list[Any]:
        return super().run(cursor, dialect, parameters) if dialect.name == "postgresql" else []


FENCE = _Fence(sa.text("SELECT pg_logical_emit_message(true, 'social', '')"))
"""Changes nothing, and is committed like a change: it waits for the replica.

Run before an answer that says "it is stored" (or "it is gone") about what somebody else wrote: what
can be read may be on this machine alone. All that stands before the fence in the log of the
database is on the replica once the fence is (docs/decisions/0011).
"""
