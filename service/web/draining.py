"""An instance takes itself out of /readyz before it stops, so that a balancer has time."""

import mmap
import os
import signal
from functools import partial
from typing import Any

# One byte that the master shares with the workers it forks.
_has_begun = mmap.mmap(-1, 1)
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


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


def end_what_is_being_forked() -> None:
    """Let TERM, INT and QUIT end a worker also before it has handlers of its own.

    Until then it has the master's, which note a signal for a loop that a worker does not run: the
    master would wait for it for as long as gunicorn's `graceful_timeout`.
    """

    block = partial(signal.pthread_sigmask, signal.SIG_BLOCK, _ENDING)
    unblock = partial(signal.pthread_sigmask, signal.SIG_UNBLOCK, _ENDING)

    def default() -> None:
        for number in _ENDING:
            signal.signal(number, signal.SIG_DFL)
        unblock()

    os.register_at_fork(before=block, after_in_parent=unblock, after_in_child=default)
