"""How long the database may take. All times are in seconds."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

# Each is below the next, so that the error that says most comes first: a lock, the statement as
# a whole, a server that answers nothing. All are below the two seconds that clients are promised.
LOCK_TIMEOUT = 0.8
STATEMENT_TIMEOUT = 1.0
ANSWER_TIMEOUT = 1.2
CONNECT_TIMEOUT = 0.8
# For a call as a whole: making a connection, preparing it, the statement, its retries.
BUDGET = 1.5


class _Deadline(threading.local):
    """Limits what this thread does with the database: `with deadline: …`."""

    _at = math.inf  # of time.monotonic

    def __enter__(self) -> None:
        self._at = time.monotonic() + BUDGET

    def __exit__(self, *_: object) -> None:
        self._at = math.inf

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """The same with a limit of its own."""
        self._at = time.monotonic() + seconds
        try:
            yield
        finally:
            self._at = math.inf

    def left(self, most: float) -> float:
        """Seconds left, but not more than `most`."""
        return max(0.0, min(most, self._at - time.monotonic()))


deadline = _Deadline()
