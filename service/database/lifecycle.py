"""The server's part: before its workers come, and after they have gone."""

import sqlite3
from contextlib import closing, suppress

import sqlalchemy as sa

from service.database import connections, postgresql, sqlite
from service.database.timeouts import deadline


def begin(url: sa.URL, pooler: str | None) -> None:
    """Stop the start where only the operator can help.

    A database that can't be reached, or is not migrated, may come right while the service runs:
    it answers 503 meanwhile. SQLite's files that a killed process left behind become one again.

    Raises:
        SystemExit: with a sentence, when the file is no database, or the encoding is not UTF-8.
    """
    engine = sa.create_engine(url, **connections.engine_options(url, pool_size=1, pooler=pooler))
    connections.kind_of(url).listen(engine)
    try:
        with deadline, engine.connect():
            pass
    except sa.exc.DBAPIError as raised:
        error = raised.orig
        if isinstance(error, postgresql.WrongEncoding):
            raise SystemExit(f"Configuration: DATABASE_URL can't be used: {error}.") from None
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
            raise SystemExit(
                "Configuration: DATABASE_URL names a file that is no SQLite database."
            ) from None
    finally:
        engine.dispose()


def end(url: sa.URL) -> None:
    """Leave all of SQLite's data in the one file.

    The last connection that closes takes care of that, but not where the last two, of two
    workers, close at the same moment.
    """
    if not connections.is_postgresql(url):
        with suppress(sqlite3.Error), closing(sqlite.connect(str(url.database))) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
