"""The pool of connections, and who holds one: each thread its own."""

import atexit
import threading
import weakref
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from service import strict_json
from service.database import postgresql, sqlite
from service.database.statements import Statement, Transaction
from service.telemetry import metrics


def is_postgresql(url: sa.URL) -> bool:
    return url.get_backend_name() == "postgresql"


def kind_of(url: sa.URL) -> Any:
    """The module for the kind of database."""
    return postgresql if is_postgresql(url) else sqlite


def driver_error(raised: BaseException) -> BaseException | None:
    """The driver's own error: SQLAlchemy wraps those that come while a connection is made."""
    return raised.orig if isinstance(raised, sa.exc.DBAPIError) else raised


def condition(error: BaseException | None) -> str | None:
    """The condition of the database that a driver's error speaks of, for the log.

    Returns: a text without any user's value; None when the error is a mistake of ours.
    """
    return postgresql.condition(error) or sqlite.condition(error)


def engine_options(url: sa.URL, *, pool_size: int, pooler: str | None) -> dict[str, Any]:
    """Keyword arguments for `create_engine`."""
    return {
        "isolation_level": "AUTOCOMMIT",
        # One for each thread; more where a server has more threads than THREADS says, so that
        # none waits for another's.
        "pool_size": pool_size,
        "max_overflow": -1,
        # Autocommit leaves no transaction to roll back when a connection comes back.
        "pool_reset_on_return": None,
        "json_serializer": strict_json.dumps,
        # Else the parameters, an ext_id among them, stand in every error's text.
        "hide_parameters": True,
        **kind_of(url).engine_options(url, pooler),
    }


def listen(engine: sa.Engine) -> None:
    """Prepare the connections of `engine`, count them, and close them at the process's end."""
    _engines.add(engine)
    metrics.CONNECTION_LIMIT.set(engine.pool.size())  # type: ignore[attr-defined]  # a QueuePool
    sa.event.listen(engine, "connect", lambda *_: metrics.OPEN_CONNECTIONS.inc())
    sa.event.listen(engine, "close", lambda *_: metrics.OPEN_CONNECTIONS.dec())
    kind_of(engine.url).listen(engine)


_engines: weakref.WeakSet[sa.Engine] = weakref.WeakSet()


@atexit.register
def close_all() -> None:
    """Close the process's connections: gunicorn's workers, commands.

    Else what SQLite has written stays in its -wal, and a copy of the file alone lacks it. The
    other threads have ended by now, and their connections are back in the pools.
    """
    for engine in list(_engines):
        engine.dispose()


class ThreadConnection(threading.local):
    """This thread's connection and cursor, taken from the pool once and kept.

    There is a connection for each thread in any case, and taking one out and giving it back at
    each statement was a tenth of a list's time. When a thread ends, its connection returns to
    the pool.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._is_postgresql = is_postgresql(engine.url)
        self._pool: sa.Pool | None = None
        self._checked_out: sa.PoolProxiedConnection | None = None
        self._driver: Any = None
        self._cursor: Any = None

    def is_open(self) -> bool:
        """Whether there is one, and nothing says that the server closed it."""
        if self._checked_out is None:
            return False
        is_disposed_of = self._pool is not self._engine.pool
        if is_disposed_of or (self._is_postgresql and postgresql.has_hung_up(self._driver)):
            self.close()
            return False
        return True

    def open(self) -> None:
        """Take a connection from the pool, which makes one if none is free."""
        self._pool = self._engine.pool
        self._checked_out = self._pool.connect()
        self._driver = self._checked_out.driver_connection
        # One for all statements: a new one would look up each column's conversions again.
        self._cursor = self._driver.cursor()

    def run(self, statement: Statement | Transaction, parameters: Mapping[str, Any]) -> list[Any]:
        """Run a statement as a transaction of its own.

        Returns: its rows as named tuples; none when it returns no rows.
        Raises: the driver's exceptions as they are.
        """
        try:
            return statement.run(self._cursor, self._engine.dialect, parameters)
        except BaseException as error:
            # Also when a worker has to stop half-way: nobody else may read this answer.
            if not isinstance(error, Exception) or getattr(self._driver, "closed", False):
                self.close(error)
            raise

    def close(self, error: BaseException | None = None) -> None:
        """Close the connection; the next statement opens another."""
        checked_out = self._checked_out
        self._checked_out = self._driver = self._cursor = None
        if checked_out is not None:
            checked_out.invalidate(error)

    def idle(self) -> int:
        """How many connections lie in the pool."""
        return int(self._engine.pool.checkedin())  # type: ignore[attr-defined]  # a QueuePool
