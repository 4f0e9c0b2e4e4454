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

from service.database import Unavailable, connections, db, execute, postgresql
from service.database.breaker import Breaker
from service.database.connections import ThreadConnection
from service.database.statements import Statement
from service.database.timeouts import deadline
from service.telemetry import metrics

# In seconds.
MOMENT = 0.3
"""What the replica may cost: together with the primary's time-outs below two seconds."""
LOOK = 1.0
"""How often it is asked whether it is current."""
LAG = 5
"""How far it may be behind in carrying out what it has received."""
FAILOVER = 30.0
"""How long it may have no primary: so long that may be on its way to another machine.

It has one until its `wal_receiver_timeout` passes without a message: what is read there may be
older by that. (When the last message came is shown to roles with `pg_read_all_stats` alone.)
"""

logger = logging.getLogger(__name__)

_state = Statement(
    sa.text(f"""
SELECT NOT pg_is_in_recovery() OR coalesce(
           pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn()
           OR pg_last_xact_replay_timestamp() > now() - interval '{LAG} s', false) AS replays,
       NOT pg_is_in_recovery() OR EXISTS (SELECT FROM pg_stat_wal_receiver) AS receives,
       pg_postmaster_start_time() AS server
""").columns(*map(sa.column, ("replays", "receives", "server")))  # noqa: S608 - a number of ours
)


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
        # Known by its start, when each was last seen to receive, by any thread.
        self._received: dict[datetime, float] = {}

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
        (state,) = self._connection.run(_state, {})
        if state.receives:
            self._received[state.server] = now
        received = self._received.get(state.server, -math.inf)
        self.seen.is_behind = not state.replays or now - received > FAILOVER
        self.seen.looked = now

    def _out_of_use(self, why: str) -> None:
        metrics.REPLICA_FALLBACKS.inc()
        if self.seen.is_in_use and why:
            self.seen.is_in_use = False
            logger.warning("the replica is not read", extra={"reason": why})
