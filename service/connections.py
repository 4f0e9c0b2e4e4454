"""How connections are made: time-outs on PostgreSQL, durability on SQLite."""

import math
import os
import select
import socket
import sqlite3
import struct
import threading
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import errors as pg

from service import metrics, strict_json
from service.statements import Statement

# In seconds, each below the next so that the most telling error comes first: a lock, the
# statement as a whole, a server that answers nothing. All stay below the promised two.
LOCK_TIMEOUT = 0.8
STATEMENT_TIMEOUT = 1.0
ANSWER_TIMEOUT = 1.2
CONNECT_TIMEOUT = 0.8
# For all of it together: to make a connection, to prepare it, to be answered.
BUDGET = 1.5


class _Deadline(threading.local):
    """Bounds what this thread does with connections: `with deadline: …`."""

    _at = math.inf  # of time.monotonic

    def __enter__(self) -> None:
        self._at = time.monotonic() + BUDGET

    def __exit__(self, *_: object) -> None:
        self._at = math.inf

    def left(self, most: float) -> float:
        """Seconds left, but not more than `most`."""
        return max(0.0, min(most, self._at - time.monotonic()))


deadline = _Deadline()


def engine_options(url: sa.URL, *, pool_size: int) -> dict[str, Any]:
    """Keyword arguments for `create_engine`."""
    options: dict[str, Any] = {
        "isolation_level": "AUTOCOMMIT",
        # One for each thread: see `Connections`. Under a server with more threads than it was
        # told of none waits for another's.
        "pool_size": pool_size,
        "max_overflow": -1,
        # Autocommit leaves no transaction to roll back when a connection comes back.
        "pool_reset_on_return": None,
        "connect_args": _connect_args(url),
        "json_serializer": strict_json.dumps,
        # Else the parameters, an ext_id among them, stand in every error's text.
        "hide_parameters": True,
    }
    if is_postgresql(url):
        # Costs a query a connection to find out, and nothing here uses it.
        options["use_native_hstore"] = False
    return options


def is_postgresql(url: sa.URL) -> bool:
    return url.get_backend_name() == "postgresql"


def listen(engine: sa.Engine) -> None:
    """Prepare each connection of `engine`, count them, and replace stale ones."""
    metrics.CONNECTION_LIMIT.set(engine.pool.size())  # type: ignore[attr-defined]
    sa.event.listen(engine, "connect", lambda *_: metrics.OPEN_CONNECTIONS.inc())
    sa.event.listen(engine, "close", lambda *_: metrics.OPEN_CONNECTIONS.dec())
    if is_postgresql(engine.url):
        sa.event.listen(engine, "do_connect", _connect_postgresql)
        sa.event.listen(engine, "checkout", _refuse_stale)
    else:
        sa.event.listen(engine, "connect", _prepare_sqlite)


class Connections(threading.local):
    """This thread's connection, taken from the pool at its first statement and kept.

    There are as many as threads in any case, and to take one out and to give it back each time
    was a tenth of a list's time. When a thread ends its connection returns to the pool.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._can_hang_up = is_postgresql(engine.url)
        self._pool: sa.Pool | None = None
        self._kept: sa.PoolProxiedConnection | None = None
        self._driver: Any = None

    def run(self, statement: Statement, parameters: Mapping[str, Any]) -> list[Any]:
        """Run a statement as a transaction of its own.

        Returns: its rows as named tuples; none when it returns no rows.
        Raises: the driver's exceptions as they are.
        """
        connection = self._get()
        try:
            return statement.run(connection, self._engine.dialect, parameters)
        except BaseException as error:
            # Also when a worker is told to stop half-way: nobody else may read this answer.
            # SQLite's connections are never lost.
            if not isinstance(error, Exception) or getattr(connection, "closed", False):
                self.drop(error)
            raise

    def _get(self) -> Any:
        if self._kept is not None and (
            self._pool is not self._engine.pool  # disposed of
            or (self._can_hang_up and self._driver.has_hung_up())
        ):
            self.drop()
        if self._kept is None:
            self._pool = self._engine.pool
            self._kept = self._pool.connect()
            self._driver = self._kept.driver_connection
        return self._driver

    def drop(self, error: BaseException | None = None) -> None:
        """Close this thread's connection; the next statement makes another."""
        kept, self._kept, self._driver = self._kept, None, None
        if kept is not None:
            kept.invalidate(error)


def _connect_args(url: sa.URL) -> dict[str, Any]:
    if not is_postgresql(url):
        return {"timeout": LOCK_TIMEOUT}
    options = {"statement_timeout": STATEMENT_TIMEOUT, "lock_timeout": LOCK_TIMEOUT}
    set_options = [f"-c {name}={int(seconds * 1000)}" for name, seconds in options.items()]
    # The operator's own options come last: they win.
    return {"options": " ".join([*set_options, *url.normalized_query.get("options", ())])}


class _Connection(psycopg.Connection[Any]):
    """A connection that gives up on a server that holds the line and answers nothing.

    The server's own time-outs can't help there, and libpq's begin at two seconds.
    """

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Any:
        # psycopg wakes the generator ten times a second while nothing arrives.
        end = time.monotonic() + deadline.left(CONNECT_TIMEOUT)
        steps = super()._connect_gen(conninfo)
        try:
            wanted = next(steps)
            while True:
                ready = yield wanted
                if time.monotonic() > end:
                    raise pg.ConnectionTimeout("the server accepts, but does not answer")
                wanted = steps.send(ready)
        except StopIteration as done:
            return done.value

    @cached_property
    def _cursor(self) -> psycopg.Cursor[Any]:
        return self.cursor()

    def execute(self, query: Any, params: Any = None, **options: Any) -> psycopg.Cursor[Any]:
        """Execute with the one cursor there is: fetch before the next.

        A new one each time would also look up each column's conversions again.
        """
        return self._cursor.execute(query, params, **options)

    @cached_property
    def _poll(self) -> select.poll:
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        return poll

    def has_hung_up(self) -> bool:
        """Whether the server closed the connection while nobody used it.

        An idle connection has nothing to read unless the server said good-bye (or something as
        rare). To look costs a microsecond, where a ping before each statement costs a round
        trip.
        """
        return bool(self._poll.poll(0))

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, timeout or deadline.left(ANSWER_TIMEOUT))
        except pg._WaitTimeout:
            # What the server still does with the statement nobody knows: hang up.
            self._reset()
            raise psycopg.OperationalError("the server did not answer in time") from None

    def _reset(self) -> None:
        """Close with a reset, which takes back what is still under way: else a statement that
        was given up on could be carried out long after, when the network is whole again."""
        with socket.socket(fileno=os.dup(self.pgconn.socket)) as line:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.pgconn.finish()


def _connect_postgresql(
    dialect: object, record: object, arguments: list[Any], parameters: dict[str, Any]
) -> _Connection:
    return _Connection.connect(*arguments, **parameters)


def _refuse_stale(
    connection: _Connection, record: sa.pool.ConnectionPoolEntry, proxy: object
) -> None:
    """Replace a connection that the server closed while it lay in the pool."""
    if record.info.get("was_used") and connection.has_hung_up():
        raise sa.exc.DisconnectionError
    record.info["was_used"] = True


def _prepare_sqlite(connection: sqlite3.Connection, record: object) -> None:
    # A statement that meets a lock waits for `timeout` of the connect arguments.
    connection.execute("PRAGMA journal_mode = WAL")
    # WAL's usual NORMAL loses the last transactions in a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
