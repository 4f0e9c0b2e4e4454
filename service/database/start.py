"""Before the service starts: is this a database that can never serve?"""

import sqlite3

import sqlalchemy as sa

from service.database import connections, postgresql
from service.database.timeouts import deadline


def check(url: sa.URL) -> None:
    """Stop the start where only the operator can help.

    A database that can't be reached, or is not migrated, may come right while the service runs:
    it answers 503 meanwhile. SQLite's files that a killed process left behind become one again.

    Raises:
        SystemExit: with a sentence, when the file is no database, or the encoding is not UTF-8.
    """
    engine = sa.create_engine(url, **connections.engine_options(url, pool_size=1))
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
