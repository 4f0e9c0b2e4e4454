"""A replica that answers what may be a moment old. The primary stands in for it, and it for the
primary (docs/decisions/0012).
"""

import logging
import math
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg
import sqlalchemy as sa
from flask import Flask, current_app

from service.database import Unavailable, connections, db, execute, postgresql, run_on
from service.database.breaker import Breaker
from service.database.connections import ThreadConnection
from service.database.standing import OF_PRIMARY, OF_REPLICA
from service.database.statements import Statement
from service.database.timeouts import deadline
from service.telemetry import metrics

# In seconds.
MOMENT = 0.3
"""What a step on the replica may cost: one that fails, and the primary's time-outs then, stay below
two seconds."""
LOOK = 1.0
"""How often it is asked whether it is current."""
LAG = 5.0
"""How old what is read there may be."""
FAILOVER = 35.0
"""The same while the primary does not answer: so long it may be on its way to another machine."""
QUIET = 2.0
"""Nothing written for so long: the primary is asked whether that is all."""

logger = logging.getLogger(__name__)


def init_app(app: Flask, url: sa.URL | None, *, pool_size: int, pooler: str | None) -> None:
    """Bind the replica, if there is one; after the database itself."""
    app.extensions["replica"] = None
    if url is None:
        return
    options = connections.engine_options(url, pool_size=pool_size, pooler=pooler)
    engine = sa.create_engine(url, **options)
    replica = Replica(engine)
    connections.listen(engine)
    metrics.CONNECTION_LIMIT.set(2 * pool_size)  # with the primary's
    app.extensions["replica"] = replica
    with app.app_context():
        sa.event.listen(db.engine, "engine_disposed", lambda _: replica.close())


def read(statement: Statement, parameters: Mapping[str, Any]) -> list[Any]:
    """Run a SELECT that may be a moment old: on the replica, on the primary when it can't.

    On a replica that is behind, when the primary can't either.

    Raises:
        Unavailable: neither can, within two seconds.
    """
    replica: Replica | None = current_app.extensions["replica"]
    if replica is None:
        return execute(statement, parameters)
    rows = replica.run(statement, parameters)
    if rows is not None:
        return rows
    try:
        return execute(statement, parameters)
    except Unavailable:
        if replica.seen.is_behind:
            rows = replica.run(statement, parameters, though_behind=True)
        if rows is None:
            raise
        return rows


def without_primary(statement: Statement, parameters: Mapping[str, Any]) -> list[Any] | None:
    """What the replica says, however old; None when there is none, or it can't say."""
    replica: Replica | None = current_app.extensions["replica"]
    return replica.run(statement, parameters, though_behind=True) if replica else None


class _Seen(threading.local):
    """What this thread has seen of the replica that its connection leads to.

    Behind a balancer another thread's may lead to another one.
    """

    looked = -math.inf
    """Of time.monotonic; never on this connection."""
    is_behind = True
    is_in_use = True


class Replica:
    def __init__(self, engine: sa.Engine) -> None:
        self.seen = _Seen()
        self._engine = engine
        self._connection = ThreadConnection(engine)
        self._breaker = Breaker()
        # Of each, known by its start: all that was written until then it has, as any thread saw.
        self._has_all_until: dict[datetime, float] = {}
        self._database: str | None = None  # the primary's, once it has answered

    def run(
        self, statement: Statement, parameters: Mapping[str, Any], *, though_behind: bool = False
    ) -> list[Any] | None:
        """Run a SELECT, within a moment.

        Returns: its rows; None when it can't be had here, or the replica is behind.
        """
        began = time.monotonic()
        try:
            with deadline.within(MOMENT):
                if not self._connection.is_open():
                    with self._breaker.connecting():
                        self._connection.open()
                    self.seen.looked = -math.inf
            if began - self.seen.looked > LOOK:
                self._look(began)
            rows = None
            if though_behind or not self.seen.is_behind:
                with deadline.within(MOMENT):
                    rows = self._connection.run(statement, parameters)
        except Unavailable:  # by the breaker
            self._out_of_use("")
            return None
        except (psycopg.Error, sa.exc.DBAPIError) as raised:
            error = connections.driver_error(raised)
            if postgresql.is_unanswered(error):
                self._breaker.unanswered(began)
            # Also where only the statement failed: it may be prepared for what was migrated since.
            self._connection.close(error)
            self._out_of_use(postgresql.condition(error) or type(error).__name__)
            return None
        self._breaker.answered()
        if rows is None:
            self._out_of_use("it is behind the primary")
        elif not self.seen.is_in_use:
            self.seen.is_in_use = True
            logger.info("the replica is read again")
        return rows

    def close(self) -> None:
        """Close this thread's connection now; the others notice at their next statement."""
        self._connection.close()
        self._engine.dispose()

    def _look(self, now: float) -> None:
        with deadline.within(MOMENT):
            (state,) = self._connection.run(OF_REPLICA, {})
        until = max(self._has_all_until.get(state.server, -math.inf), now - max(state.age, 0.0))
        allowed = LAG
        if self._database != state.database or now - until > QUIET:
            primary = _ask_primary()
            if primary is None:
                allowed = FAILOVER
            else:
                self._database = primary.database
                until = now if primary.written <= state.replayed else until
        self._check(state.database)
        self._has_all_until[state.server] = until
        self.seen.is_behind = now - until > allowed
        self.seen.looked = now

    def _check(self, database: str) -> None:
        if self._database not in (None, database):
            raise psycopg.OperationalError("it is not of the database that DATABASE_URL names")

    def _out_of_use(self, why: str) -> None:
        metrics.REPLICA_FALLBACKS.inc()
        if self.seen.is_in_use and why:
            self.seen.is_in_use = False
            logger.warning("the replica is not read", extra={"reason": why})


def _ask_primary() -> Any:
    """Which database it is, and how much is written; None when it doesn't answer in a moment."""
    try:
        with deadline.within(MOMENT):
            return run_on(current_app.extensions["database"].connection, OF_PRIMARY, {})[0]
    except Unavailable:
        return None
