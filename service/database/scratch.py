"""A temporary file of a command's own, which is gone with the process: SQLite's, without a name."""

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

WHERE = "The temporary file, in TMPDIR or else /var/tmp"


def connect() -> sqlite3.Connection:
    """What it holds takes no memory, however much that is.

    Its connection raises OSError where the file can't be written: that says nothing about the
    service's database.
    """
    return sqlite3.connect("", isolation_level=None, check_same_thread=False, factory=_Connection)


class _Connection(sqlite3.Connection):
    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        with _explained():
            return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:
        with _explained():
            return super().executemany(*arguments)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise OSError(errno.EIO, str(error), WHERE) from None
