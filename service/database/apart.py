"""A connection of a command's own, for what takes longer than a request may.

The service's time-outs are not for it; a lock it waits for has one, so that what it holds itself
is free again soon.
"""

import random
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg import errors as pg

from service import strict_json
from service.database import connections, db, postgresql, sqlite
from service.database.errors import Unavailable
from service.database.replication import NotReplicated, is_given_up
from service.database.statements import Statement, Transaction

Found = TypeVar("Found")

PATIENCE = 60.0
"""Seconds in all that a transaction is tried again while others are in its way."""
_LONGEST_PAUSE = 0.5
# Below the service's own, so that it waits for us and not the other way round; and nobody can stop
# a command that waits within SQLite.
_LOCK_TIMEOUT = 0.5
# Either side notices within a minute or so that the other one's machine is gone, and PostgreSQL
# frees what that held.
_KEEPALIVES = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
_USER_TIMEOUT = {"tcp_user_timeout": 60_000}  # for what was sent and not acknowledged
_ALIVE = {"connect_timeout": 10} | _KEEPALIVES | _USER_TIMEOUT
_ALIVE_THERE = {f"tcp_{name}": value for name, value in _KEEPALIVES.items()} | _USER_TIMEOUT
_SETTINGS = (
    f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT * 1000:.0f}; SET LOCAL statement_timeout = 0; "
    "SET LOCAL idle_in_transaction_session_timeout = 0; "
    "SET LOCAL timezone = 'UTC'; "  # else each moment is converted here
    "SET LOCAL DateStyle = 'ISO'; "  # the driver reads no other
    "SET LOCAL client_min_messages = warning"  # is_given_up looks for one
) + "".join(f"; SET LOCAL {name} = {value}" for name, value in _ALIVE_THERE.items())
_IN_THE_WAY = (*postgresql.CONFLICTS, pg.LockNotAvailable)


class Connection:
    """Runs the store's statements; each is a transaction of its own, unless in `transaction`."""

    def __init__(self, driver: Any, dialect: sa.Dialect) -> None:
        self.is_postgresql = dialect.name == "postgresql"
        self._dialect = dialect
        self._driver = driver
        self._cursor = driver.cursor()
        self._is_alone = False
        self._is_hurried = False
        if self.is_postgresql:
            driver.add_notice_handler(self._note)

    def run(self, statement: Statement, parameters: Mapping[str, Any] | None = None) -> list[Any]:
        """The rows as named tuples."""
        return statement.run(self._cursor, self._dialect, parameters or {})

    def stream(
        self, statement: Statement, parameters: Mapping[str, Any], *, at_once: int
    ) -> Generator[Sequence[Sequence[Any]], None, None]:
        """The rows, so many at a time; the transaction must be open all the while."""
        with closing(self._driver.cursor()) as cursor:
            yield from statement.stream(cursor, self._dialect, parameters, at_once)

    def script(self, sql: str) -> None:
        """Run plain SQL, without values."""
        self._cursor.execute(sql)

    @contextmanager
    def transaction(self, *, keep: bool = True, modes: str = "") -> Iterator[None]:
        """Either all that is done within, or nothing of it; nothing at all without `keep`."""
        # SQLite: locked at once, so that nothing is refused half-way.
        self.begin(modes, for_writing=keep)
        began = time.monotonic()
        try:
            yield
            self.script("COMMIT" if keep else "ROLLBACK")
            if self._is_alone:
                raise NotReplicated("the wait for the replica was canceled")
        except BaseException:
            self.rollback()
            raise
        if keep and not self.is_postgresql:
            # There is one writer at a time: half of the time is left to others.
            time.sleep(time.monotonic() - began)

    def begin(self, modes: str = "", *, for_writing: bool = False) -> None:
        """Begin a transaction that goes on until `rollback`, or the connection's end.

        Args:
            modes: PostgreSQL's transaction modes, and what else must be said at its beginning.
        """
        begin = "BEGIN IMMEDIATE" if for_writing else "BEGIN"
        self.script(f"BEGIN {modes}; {_SETTINGS}" if self.is_postgresql else begin)

    def rollback(self) -> None:
        # Without a connection, or on a full disk, the database has done so itself.
        with suppress(psycopg.Error, sqlite3.Error):
            self.script("ROLLBACK")

    def _note(self, diagnostic: pg.Diagnostic) -> None:
        self._is_alone = self._is_alone or is_given_up(diagnostic)

    def patiently(self, work: Callable[[], Found]) -> Found:
        """Do a transaction again where another one was in its way.

        Raises:
            psycopg.Error, sqlite3.Error: it was so for a minute, or when it was to hurry; or
                another reason.
        """
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return work()
            except (*_IN_THE_WAY, sqlite3.OperationalError) as error:
                is_in_the_way = isinstance(error, _IN_THE_WAY) or sqlite.is_busy(error)
                if not is_in_the_way or self._is_hurried or time.monotonic() > end:
                    raise
            time.sleep(random.uniform(0, _LONGEST_PAUSE))  # noqa: S311 - no secret

    def hurry(self) -> None:
        """Have patience no longer. Another thread may say so while this one waits."""
        self._is_hurried = True

    def execute(
        self, work: Statement | Transaction, parameters: Mapping[str, Any] | None = None
    ) -> list[Any]:
        """Run it as a transaction, again where another one was in its way."""

        def once() -> list[Any]:
            with self.transaction():
                if isinstance(work, Transaction):
                    return work.within(self.run, parameters or {})
                return self.run(work, parameters)

        return self.patiently(once)

    def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Put many rows into a table of PostgreSQL's."""
        with self._cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


@contextmanager
def connection() -> Iterator[Connection]:
    """To the current application's database.

    Raises:
        Unavailable: what it is used for can't be done for now.
    """
    url = db.engine.url
    options: dict[str, Any] = {"isolation_level": None, "check_same_thread": False}
    # What is to be undone is undone here; SQLAlchemy would log that it can't where the database
    # is gone.
    pool: dict[str, Any] = {"poolclass": sa.NullPool, "pool_reset_on_return": None}
    pool["json_serializer"] = strict_json.dumps  # as the service writes it
    if connections.is_postgresql(url):
        # Nothing is prepared: there may be a pooler in between.
        options = {"client_encoding": postgresql.CLIENT_ENCODING, "prepare_threshold": None}
        options |= {name: value for name, value in _ALIVE.items() if name not in url.query}
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", connect_args=options, **pool)
    else:
        options["timeout"] = _LOCK_TIMEOUT
        engine = sa.create_engine(url, connect_args=options, **pool)
        sqlite.listen(engine)
    try:
        with engine.connect() as connected:
            yield Connection(connected.connection.driver_connection, engine.dialect)
    except (psycopg.Error, sqlite3.Error, sa.exc.DBAPIError) as raised:
        if why := connections.condition(connections.driver_error(raised)):
            raise Unavailable(why) from raised
        raise
