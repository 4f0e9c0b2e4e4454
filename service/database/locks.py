"""What one process does at a time, while others wait to take its place."""

import fcntl
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from service.database import Unavailable, db, run_on
from service.database.connections import ThreadConnection, is_postgresql
from service.database.statements import Statement

_begin = Statement(sa.text("BEGIN"))
_end = Statement(sa.text("ROLLBACK"))
_try = Statement(
    sa.select(sa.func.pg_try_advisory_xact_lock(sa.bindparam("key")).label("is_taken"))
)
_ping = Statement(sa.select(sa.literal(1).label("value")))


def lock(name: str, key: int) -> "FileLock | AdvisoryLock":
    """A lock of the current application's database.

    Args:
        name: for SQLite, of the file beside the database.
        key: for PostgreSQL; any number that nobody else locks in this database.
    """
    url = db.engine.url
    return AdvisoryLock(key) if is_postgresql(url) else FileLock(f"{url.database}-{name}")


class FileLock:
    """A file that is locked. The system gives it back when the process ends, however it ends."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._file: Any = None

    def take(self) -> bool:
        """Whether it is ours now.

        Raises:
            Unavailable: the file can't be opened, such as another user's.
        """
        try:
            file = self._path.open("ab")
        except OSError as error:
            raise Unavailable(f"{self._path} can't be opened: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def is_held(self) -> bool:
        return self._file is not None

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


class AdvisoryLock:
    """PostgreSQL gives it back when the connection ends.

    It belongs to a transaction, not to the session: a pooler may hand a session on. The
    transaction holds nothing else, neither a snapshot nor rows.
    """

    def __init__(self, key: int) -> None:
        self._key = key
        self._connection = ThreadConnection(db.engine)

    def take(self) -> bool:
        """Whether it is ours now.

        Raises:
            Unavailable: the database can't be asked.
        """
        try:
            run_on(self._connection, _begin, {})
            ((is_taken,),) = run_on(self._connection, _try, {"key": self._key})
            if not is_taken:
                run_on(self._connection, _end, {})
        except BaseException:
            self.release()
            raise
        return bool(is_taken)

    def is_held(self) -> bool:
        """Asks the server, so that it does not take the transaction for forgotten."""
        try:
            return self._connection.is_open() and bool(self._connection.run(_ping, {}))
        except psycopg.Error:
            return False

    def release(self) -> None:
        self._connection.close()
