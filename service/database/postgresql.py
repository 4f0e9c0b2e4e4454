"""PostgreSQL: how connections are made and given up on, and what its errors say."""

import os
import select
import socket
import struct
import time
from collections.abc import Generator
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import errors as pg

from service.database.replication import NotReplicated, is_given_up
from service.database.timeouts import (
    ANSWER_TIMEOUT,
    CONNECT_TIMEOUT,
    LOCK_TIMEOUT,
    STATEMENT_TIMEOUT,
    deadline,
)

CLIENT_ENCODING = "utf8"
"""Never the server's, which may not hold what the service is given."""

CONFLICTS = (pg.SerializationFailure, pg.DeadlockDetected)
"""Rolled back because of another transaction: to be tried again."""


STALE_PLAN = pg.FeatureNotSupported
"""A prepared statement whose columns changed their types; refused before anything was done."""


def engine_options(url: sa.URL, pooler: str | None) -> dict[str, Any]:
    """Keyword arguments for `create_engine`."""
    arguments: dict[str, Any] = {"client_encoding": CLIENT_ENCODING}
    if pooler == "transaction":
        # The next statement may run on another of the server's connections.
        arguments["prepare_threshold"] = None
    else:
        arguments["options"] = _options(url)
    return {
        "connect_args": arguments,
        # Looking for hstore costs each connection a query, and nothing here uses it.
        "use_native_hstore": False,
    }


def _options(url: sa.URL) -> str:
    time_outs = {"statement_timeout": STATEMENT_TIMEOUT, "lock_timeout": LOCK_TIMEOUT}
    ours = [f"-c {name}={int(seconds * 1000)}" for name, seconds in time_outs.items()]
    ours.append("-c client_min_messages=warning")  # is_given_up looks for one
    # The operator's own options come after ours: they win. But the driver reads no other dates.
    return " ".join([*ours, *url.normalized_query.get("options", ()), "-c DateStyle=ISO"])


def listen(engine: sa.Engine) -> None:
    """Bound the connections of `engine` in time, and replace stale ones."""
    sa.event.listen(engine, "do_connect", _connect)
    sa.event.listen(engine, "checkout", _replace_stale)


def _connect(
    dialect: object, record: object, arguments: list[Any], parameters: dict[str, Any]
) -> "TimedConnection":
    connection = TimedConnection.connect(*arguments, **parameters)
    connection.add_notice_handler(connection.note)
    try:
        check_encoding(connection)
    except WrongEncoding:
        connection.close()
        raise
    return connection


class WrongEncoding(psycopg.OperationalError):
    """The database can't hold all characters."""


def check_encoding(connection: psycopg.Connection[Any]) -> None:
    """Refuse a database that would change what it is given.

    Raises:
        WrongEncoding: its text says what to do.
    """
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise WrongEncoding(
            f"the database's encoding is {encoding}; make one with: "
            "createdb --encoding=UTF8 --template=template0"
        )


def _replace_stale(
    connection: "TimedConnection", record: sa.pool.ConnectionPoolEntry, proxy: object
) -> None:
    if record.info.get("was_used") and has_hung_up(connection):
        raise sa.exc.DisconnectionError
    record.info["was_used"] = True


def has_hung_up(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server closed the connection while nobody used it.

    An idle connection has nothing to read, unless the server closed it (or something as rare).
    To look costs a microsecond; a ping before each statement would cost a round trip.
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def is_unanswered(error: BaseException | None) -> bool:
    """Whether this is libpq's own error: PostgreSQL's have a code, also when it closes."""
    return isinstance(error, psycopg.OperationalError) and error.sqlstate is None


def condition(error: BaseException | None) -> str | None:
    """The condition of the database that the error speaks of, for the log.

    Returns: a text without any user's value; None when the error is a mistake of ours.
    """
    if is_unanswered(error):
        # libpq's words or the system's, or the server's before there was a session.
        return " ".join(str(error).split()).rstrip(".?")  # callers put it into sentences
    if isinstance(error, pg.InsufficientPrivilege | pg.InvalidSchemaName):
        return (
            f"the role lacks rights ({error.diag.message_primary}): the service needs SELECT, "
            "INSERT, UPDATE and DELETE on its tables, an import TEMPORARY on the database, "
            "flask db upgrade CREATE on the schema"
        )
    # Lost connections, lack of resources, time-outs, shutdown, conflicts (PEP 249).
    if isinstance(error, psycopg.OperationalError | pg.ReadOnlySqlTransaction):
        return type(error).__name__
    return None


def may_be_the_schema(error: BaseException | None) -> bool:
    """Whether the error may come from a database that is not migrated."""
    return isinstance(error, pg.UndefinedTable | pg.UndefinedColumn)


class TimedConnection(psycopg.Connection[Any]):
    """A connection that gives up on a server that accepts connections and answers nothing.

    The server's own time-outs can't help there, and libpq's begin at two seconds. psycopg offers
    nothing public to set one, so two of its methods are overridden (docs/decisions/0007).
    """

    is_alone = False
    """The server said so of what it has just committed (`replication.is_given_up`)."""

    @classmethod
    def _connect_gen(cls, conninfo: str = "") -> Any:
        return _bounded(super()._connect_gen(conninfo), deadline.left(CONNECT_TIMEOUT))

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            answer = super().wait(_bounded(gen, deadline.left(ANSWER_TIMEOUT)), *args, **kwargs)
        except pg.ConnectionTimeout:
            # Nobody knows whether the server still works on the statement. It is not cancelled:
            # a commit that waits for the replica would be on this machine alone, and seen.
            _close_with_reset(self)
            raise
        if self.is_alone:
            self.is_alone = False
            raise NotReplicated("the wait for the replica was canceled")
        return answer

    def note(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        self.is_alone = self.is_alone or is_given_up(diagnostic)


def _bounded(steps: Generator[Any, Any, Any], seconds: float) -> Generator[Any, Any, Any]:
    """Pass on what psycopg does step by step, for so many seconds.

    psycopg resumes it ten times a second while nothing arrives.
    """
    end = time.monotonic() + seconds
    try:
        wanted = next(steps)
        while True:
            ready = yield wanted
            wanted = steps.send(ready)
            if time.monotonic() > end:
                raise pg.ConnectionTimeout("the server did not answer in time")
    except StopIteration as done:
        return done.value


def _close_with_reset(connection: psycopg.Connection[Any]) -> None:
    """Close, and take back what is still on its way to the server.

    Closed in the ordinary way, a statement that was given up on could be carried out long after,
    when the network is whole again.
    """
    with socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
        duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
