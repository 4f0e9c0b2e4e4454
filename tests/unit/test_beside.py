"""Work beside the main thread: in turn, with its errors, and ended wherever a signal comes."""

import contextlib
import faulthandler
import os
import queue
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from threading import Event
from types import FrameType
from typing import Any

import pytest
from flask import Flask

from service.commands import beside, importing
from service.commands.beside import Beside
from service.commands.lines import Line
from tests.support.factories import facebook
from tests.support.processes import ROOT, unmeasured
from tests.support.waiting import eventually


def fails() -> int:
    raise ValueError("why")


def test_results_come_in_the_order_in_which_they_were_asked_for() -> None:
    with Beside[int]() as thread:
        for number in range(3):
            thread.ask(partial(int, number))
        assert [thread.result() for _ in range(3)] == [0, 1, 2]


def test_an_error_is_raised_where_the_result_is_taken_and_the_next_one_is_done() -> None:
    with Beside[int]() as thread:
        thread.ask(fails)
        thread.ask(partial(int, 1))
        with pytest.raises(ValueError, match="why"):
            thread.result()
        assert thread.result() == 1


def test_at_the_end_all_is_done() -> None:
    done: list[int] = []
    begun = Event()
    with Beside[None]() as thread:
        thread.ask(lambda: (begun.wait(), done.append(1))[1])
        thread.ask(partial(done.append, 2))
        begun.set()
    assert done == [1, 2]


@pytest.mark.parametrize("raised", [None, ValueError, KeyboardInterrupt])
def test_what_is_under_way_hurries_when_an_exception_ends_it(
    raised: type[BaseException] | None,
) -> None:
    hurried = Event()
    with suppress(BaseException), Beside[Any](hurried.set) as thread:
        if raised is not None:
            thread.ask(hurried.wait)
            raise raised
    assert hurried.is_set() == (raised is not None)


@pytest.mark.parametrize("raised", [None, ValueError])
def test_ctrl_c_while_it_waits_for_what_is_under_way_ends_the_process(
    raised: type[BaseException] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the connection would be closed while the thread uses it, and SQLite crash. Where all
    went well nothing is under way."""
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    main = threading.get_ident()

    def is_waited_for() -> bool:
        frames = traceback.walk_stack(sys._current_frames()[main])
        return any(frame.f_code is threading.Thread.join.__code__ for frame, _ in frames)

    def stop() -> None:
        eventually(is_waited_for)
        signal.pthread_kill(main, signal.SIGINT)

    def work() -> None:
        with Beside[None]() as thread:
            thread.ask(stop)
            if raised is not None:
                raise raised

    with pytest.raises(raised or KeyboardInterrupt):
        work()
    assert codes == ([] if raised is None else [2])


def test_an_import_ends_wherever_ctrl_c_or_term_finds_it() -> None:
    """Both raise KeyboardInterrupt between any two steps of the main thread's."""
    command = [sys.executable, "-m", __name__]
    done = subprocess.run(
        command, cwd=ROOT, env=unmeasured(os.environ), capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 500


FOLLOWED = {module.__file__ for module in (importing, beside, contextlib, queue, threading)}


class Stopped:
    """An import of three lines that is stopped after so many steps of the main thread's."""

    def __init__(self, steps: int) -> None:
        self._left = steps
        self._is_counting = False

    def run(self) -> bool:
        """Gives whether there were so many; ends the process where it does not come to its end."""
        faulthandler.dump_traceback_later(5, exit=True)
        sys.settrace(self._enter)
        try:
            with Beside[Any]() as writer:
                importing.run(
                    self._lines(),
                    importing.Report(sys.stderr),
                    writer=writer,
                    write=self._write,
                    rehearse=None,
                    at_once=1,
                    position=int,
                    progress=lambda _: None,
                )
        except KeyboardInterrupt:
            assert self._left == 0
        finally:
            sys.settrace(None)
            faulthandler.cancel_dump_traceback_later()
        return self._left == 0

    def _lines(self) -> Iterator[Line]:
        # By now the thread has begun. What stops it before that stops it before it does anything.
        self._is_counting = True
        for number in range(3):
            yield Line(number, facebook(ext_id=str(number)))

    def _write(self, new: list[Any], sent: Callable[[], None]) -> list[str]:
        sent()
        return ["created"] * len(new)

    def _enter(self, frame: FrameType, event: str, argument: object) -> Any:
        if frame.f_code.co_filename not in FOLLOWED:
            return None
        frame.f_trace_opcodes = True
        return self._step

    def _step(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "opcode" and self._is_counting:
            self._left -= 1
            if self._left == 0:
                sys.settrace(None)
                raise KeyboardInterrupt
        return self._step


def stop_everywhere() -> int:
    """Gives the number of places at which it was stopped."""
    application = Flask(__name__)
    application.config["PROVIDERS"] = ()
    with application.app_context():
        steps = 1
        while Stopped(steps).run():
            steps += 1
    return steps - 1


if __name__ == "__main__":
    print(stop_everywhere())
