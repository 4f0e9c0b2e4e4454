"""A circuit breaker: while PostgreSQL is out of reach, threads don't queue for its time-outs."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from service.database.errors import Unavailable

PAUSE = 0.5
"""Seconds without an attempt to connect, after one failed."""


class Breaker:
    """Decides whether a thread without a connection may try to make one.

    Threads that have one are not held back: a server at its connection limit still serves them.
    """

    def __init__(self) -> None:
        self._is_tripped = False
        self._pause_ends = 0.0  # these two of time.monotonic
        self._answered = 0.0
        self._attempt = threading.Lock()
        """Held by the one thread that tries again after the pause."""

    def answered(self) -> None:
        """Remember that the database answered."""
        self._answered = time.monotonic()

    def unanswered(self, since: float) -> None:
        """Trip, unless the database has answered another thread since then: it is slow, or full."""
        if self._answered < since:
            self._pause_ends = time.monotonic() + PAUSE
            self._is_tripped = True

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """Wrap an attempt to connect.

        Raises:
            Unavailable: it failed a moment ago, or another thread is trying again just now.
        """
        if not self._is_tripped:
            yield
            return
        if time.monotonic() < self._pause_ends or not self._attempt.acquire(blocking=False):
            raise Unavailable("the database could not be reached a moment ago")
        try:
            yield
            self._is_tripped = False
        finally:
            self._attempt.release()
