"""Synchronous replication: what was committed on one machine alone is not acknowledged."""

import psycopg
import sqlalchemy as sa

from service.database.statements import OnPostgresql


class NotReplicated(psycopg.OperationalError):
    """The server ended the wait for the replica: committed here, and perhaps nowhere else.

    PostgreSQL only warns then, and reports success.
    """

    sqlstate = "01000"


def is_given_up(diagnostic: psycopg.errors.Diagnostic) -> bool:
    """Whether a notice is that warning. Its text is in the server's language."""
    return diagnostic.source_function == "SyncRepWaitForLSN"


FENCE = OnPostgresql(sa.text("SELECT pg_logical_emit_message(true, 'social', '')"))
"""Changes nothing, and is committed like a change: it waits for the replica.

Run before an answer that says "it is stored" (or "it is gone") about what somebody else wrote: what
can be read may be on this machine alone. All that stands before the fence in the log of the
database is on the replica once the fence is (docs/decisions/0011).
"""
