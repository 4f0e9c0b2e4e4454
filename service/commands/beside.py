"""A thread that works beside the one that asks for it."""

import os
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Generic, Self, TypeVar

from service.commands.group import Failure

Found = TypeVar("Found")


class Beside(Generic[Found]):
    """Does one thing after another in a thread of its own.

    Between the two threads is only what is written in C. Ctrl-C and TERM raise KeyboardInterrupt
    wherever the main thread is. Within a `Future`, an `Event` or an executor, which are Python,
    that can leave a lock taken: the other thread would wait for it for ever, and the end of the
    command for that thread.

    Args:
        hurry: called when an exception ends it: whatever was asked for is to end soon.
    """

    def __init__(self, hurry: Callable[[], object] = lambda: None) -> None:
        self._hurry = hurry
        self._asked: SimpleQueue[Callable[[], Found] | None] = SimpleQueue()
        self._found: SimpleQueue[Found | BaseException] = SimpleQueue()
        # A daemon: the process's end does not wait for it.
        self._thread = Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Wait until all is done that was asked for."""
        if kind is not None:
            self._hurry()
        self._asked.put(None)
        try:
            self._thread.join()
        except KeyboardInterrupt:
            if kind is None:
                raise
            # A second one, and this takes long. To close a connection that the thread is using
            # would crash SQLite.
            os._exit(Failure.exit_code)

    def ask(self, work: Callable[[], Found]) -> None:
        self._asked.put(work)

    def result(self) -> Found:
        """What came of the first thing asked for whose result was not taken yet.

        Raises:
            BaseException: what it raised.
        """
        found = self._found.get()
        if isinstance(found, BaseException):
            raise found
        return found

    def _work(self) -> None:
        while (work := self._asked.get()) is not None:
            try:
                self._found.put(work())
            except BaseException as error:
                self._found.put(error)
