"""A copy of a SQLite file while the service uses it."""

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from service.database import sqlite


class BackupError(Exception):
    """There is no copy. Its text is a sentence."""


def copy(database: Path, to: Path) -> None:
    """Copy a SQLite database, as it is at one moment, into a file that stands alone.

    The copy is written beside `to` and moved into place when it is whole. What is there stays.

    Raises:
        BackupError: there is no database, the disk is full, `to` is there already …
    """
    for suffix in ("-wal", "-shm", "-journal"):
        if Path(f"{to}{suffix}").exists():
            raise BackupError(f"{to} is a database in use, or was: {to}{suffix} stands beside it.")
    if to.exists() and database.exists() and to.samefile(database):
        raise BackupError(f"{to} is the database itself.")
    if to.exists():
        raise BackupError(f"{to} is there already.")
    try:
        descriptor, name = tempfile.mkstemp(dir=to.parent, prefix=f".{to.name}-")  # mode 600
        try:
            _copy(database, Path(name))
            os.fsync(descriptor)
            _move(Path(name), to)
        finally:
            os.close(descriptor)
            Path(name).unlink(missing_ok=True)
    except sqlite3.Error as error:
        raise BackupError(f"{database} can't be copied: {sqlite.name_of(error)}.") from error
    except FileExistsError as error:
        raise BackupError(f"{to} is there already.") from error
    except OSError as error:
        raise BackupError(f"{to} can't be written: {error.strerror}.") from error


def _copy(database: Path, to: Path) -> None:
    with closing(sqlite.connect(database)) as source, closing(sqlite.connect(to)) as target:
        source.backup(target)
        # Without it the copy would want a -wal beside it as soon as it is opened.
        target.execute("PRAGMA journal_mode = DELETE")


def _move(file: Path, to: Path) -> None:
    """Give the file its name, if nothing has it: `os.replace` would take it."""
    try:
        os.link(file, to)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(to):
            raise FileExistsError from None
        os.replace(file, to)
