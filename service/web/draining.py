"""An instance takes itself out of /readyz before it stops, so that a balancer has time."""

import mmap
import signal
from typing import Any

# One byte that the master shares with the workers it forks.
_has_begun = mmap.mmap(-1, 1)


def has_begun() -> bool:
    return _has_begun[0] == 1


def before_stop(seconds: int) -> None:
    """Make TERM to gunicorn's master wait so long; its own handlers must be there already.

    Meanwhile it serves on. A second TERM waits no longer; INT and QUIT never do.
    """
    stop: Any = signal.getsignal(signal.SIGTERM)

    def begin(_: int, frame: object) -> None:
        # A timer, not a thread: a master must not fork with threads.
        signal.setitimer(signal.ITIMER_REAL, 0 if has_begun() else seconds)
        if has_begun():
            stop(signal.SIGTERM, frame)
        _has_begun[0] = 1

    signal.signal(signal.SIGALRM, lambda _, frame: stop(signal.SIGTERM, frame))
    signal.signal(signal.SIGTERM, begin)
