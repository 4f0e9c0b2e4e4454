"""How long the database may take, and the PostgreSQL connection that keeps to it."""

import math
import os
import select
import socket
import struct
import threading
import time
from functools import cached_property
from typing import Any

import psycopg
from psycopg import errors as pg

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


class Connection(psycopg.Connection[Any]):
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
