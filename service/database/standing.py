"""What a replica and its primary say of themselves: of which database they are, and how far."""

import sqlalchemy as sa

from service.database.statements import Statement

# Any role may ask these. A replica's is its primary's (and so is that of a copy which then went its
# own way).
_DATABASE = """
SELECT (SELECT system_identifier FROM pg_control_system()) || '/' ||
       (SELECT oid FROM pg_database WHERE datname = current_database()) AS database,
"""
# Whether a replica receives says little: one that catches up receives what is old, and one that
# can't follow connects again and again.
OF_REPLICA = Statement(
    sa.text(f"""{_DATABASE}
       CASE WHEN pg_is_in_recovery()
            THEN coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 'Infinity')
            ELSE 0 END::float8 AS age,
       coalesce(pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0'), 0)::bigint AS replayed,
       pg_postmaster_start_time() AS server
""").columns(*map(sa.column, ("database", "age", "replayed", "server")))
)
OF_PRIMARY = Statement(
    sa.text(
        f"{_DATABASE} pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::bigint AS written"
    ).columns(*map(sa.column, ("database", "written")))
)
