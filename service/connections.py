"""How connections are made: time-outs on PostgreSQL, durability on SQLite."""

import math
import os
import select
import socket
import sqlite3
import struct
import threading
import time
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import errors as pg

from service import metrics

# In seconds, each below the next so that the most telling error comes first: a lock, the
# statement as a whole, a server that answers nothing. All stay below the promised two.
LOCK_TIMEOUT = 0.8
STATEMENT_TIMEOUT = 1.0
ANSWER_TIMEOUT = 1.2
CONNECT_TIMEOUT = 0.8
# For all of it together: to wait for a connection, to make one, to prepare it, to be answered.
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
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_timeout": CONNECT_TIMEOUT,
        # Autocommit leaves no transaction to roll back when a connection comes back.
        "pool_reset_on_return": None,
        "connect_args": _connect_args(url),
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
        sa.event.listen(engine, "connect", _watch)
        sa.event.listen(engine, "checkout", _refuse_stale)
    else:
        sa.event.listen(engine, "connect", _prepare_sqlite)


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


def _watch(connection: _Connection, record: sa.pool.ConnectionPoolEntry) -> None:
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    record.info["poll"] = poll
    record.info["is_new"] = True


def _refuse_stale(
    connection: _Connection, record: sa.pool.ConnectionPoolEntry, proxy: object
) -> None:
    """Replace a connection that the server closed while it lay in the pool.

    An idle connection has nothing to read unless the server said good-bye (or something as
    rare). To look costs a microsecond, where a ping before each statement costs a round trip.
    """
    if not record.info.pop("is_new", False) and record.info["poll"].poll(0):
        raise sa.exc.DisconnectionError


def _prepare_sqlite(connection: sqlite3.Connection, record: object) -> None:
    # A statement that meets a lock waits for `timeout` of the connect arguments.
    connection.execute("PRAGMA journal_mode = WAL")
    # WAL's usual NORMAL loses the last transactions in a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
