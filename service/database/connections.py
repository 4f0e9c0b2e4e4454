"""How connections are made and who holds them: one a thread; durability on SQLite."""

import sqlite3
import threading
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from service import strict_json
from service.database.postgresql import LOCK_TIMEOUT, STATEMENT_TIMEOUT, Connection
from service.database.statements import Statement
from service.telemetry import metrics


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
    metrics.CONNECTION_LIMIT.set(engine.pool.size())  # type: ignore[attr-defined]  # a QueuePool
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


def _connect_postgresql(
    dialect: object, record: object, arguments: list[Any], parameters: dict[str, Any]
) -> Connection:
    return Connection.connect(*arguments, **parameters)


def _refuse_stale(
    connection: Connection, record: sa.pool.ConnectionPoolEntry, proxy: object
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
