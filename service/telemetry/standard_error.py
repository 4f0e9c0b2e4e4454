"""Standard error as the log's place: whoever reads it, or does not, no request waits for that."""

import logging
import os
import select
import stat
import time
from contextlib import suppress

from service.telemetry import metrics

_PATIENCE = 100  # milliseconds
_NOTE = {"name": __name__, "levelname": "ERROR", "levelno": logging.ERROR}


def _ready_descriptor() -> int:
    """Where lines go: standard error, or another way to the same pipe in which no write waits."""
    try:
        kind = os.fstat(2).st_mode
    except OSError:  # closed: the next file that is opened would be taken for standard error
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        return 2
    if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind):
        try:
            return os.open("/proc/self/fd/2", os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # a socket such as journald's, or a pipe of another user
            os.set_blocking(2, False)
    return 2


class Handler(logging.Handler):
    """Writes each line with one call to standard error, and never waits long for its reader.

    The kernel keeps lines of up to 4 KiB whole. A reader that has stopped holds a thread up for
    `_PATIENCE` once a second; the lines that find no room are dropped, and how many is logged as
    soon as there is room.
    """

    def __init__(self) -> None:
        super().__init__()
        self._descriptor = _ready_descriptor()
        self._dropped = 0
        self._wait_again = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        try:
            lines = self.format(record)
            if self._dropped:
                note = {**_NOTE, "msg": "lines were dropped", "dropped": self._dropped}
                lines = f"{self.format(logging.makeLogRecord(note))}\n{lines}"
            if self._write(lines):
                self._dropped = 0
            else:
                self._dropped += 1
                metrics.DROPPED_LINES.inc()
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        super().close()
        if self._descriptor != 2:
            os.close(self._descriptor)
            self._descriptor = 2

    def handleError(self, record: logging.LogRecord) -> None:
        """Say whose line could not be made, and nothing of what it was about."""
        note = {**_NOTE, "msg": "a line could not be written", "of": record.name}
        with suppress(Exception):
            self._write(self.format(logging.makeLogRecord(note)))

    def _write(self, lines: str) -> bool:
        data = f"{lines}\n".encode(errors="backslashreplace")
        try:
            try:
                os.write(self._descriptor, data)
            except BlockingIOError:
                if time.monotonic() < self._wait_again:
                    return False
                self._wait_again = time.monotonic() + 1
                room = select.poll()
                room.register(self._descriptor, select.POLLOUT)
                room.poll(_PATIENCE)
                os.write(self._descriptor, data)
        except OSError:
            return False
        return True
