"""Who reads the log, or does not: no request waits for it, and no line is lost without a word."""

import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from service.telemetry import logs
from service.telemetry.standard_error import Handler
from tests.support.gunicorn import environment
from tests.support.processes import ROOT
from tests.support.waiting import within

TEXT = "x" * 500


@contextmanager
def standard_error_is(descriptor: int) -> Iterator[None]:
    before = os.dup(2)
    os.dup2(descriptor, 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


@contextmanager
def logging_to(descriptor: int) -> Iterator[logging.Logger]:
    """A logger whose lines go where this descriptor goes, as they do in the service."""
    logger = logging.Logger("tests.reader")
    with standard_error_is(descriptor):
        handler = Handler()
        formatter = logs.configuration("INFO", "json")["formatters"]["line"]
        handler.setFormatter(formatter.pop("()")(**formatter))
        logger.addHandler(handler)
        try:
            yield logger
        finally:
            handler.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ours, theirs = os.pipe()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def read(descriptor: int) -> list[dict[str, Any]]:
    """The lines that wait there."""
    os.set_blocking(descriptor, False)
    found = b""
    try:
        while data := os.read(descriptor, 65_536):
            found += data
    except BlockingIOError:
        pass
    return [json.loads(line) for line in found.decode().splitlines()]


def of_socket() -> tuple[int, int]:
    """As under systemd: journald's end and ours."""
    ours, theirs = socket.socketpair()
    return ours.detach(), theirs.detach()


@pytest.mark.parametrize("ends", [os.pipe, of_socket], ids=["pipe", "socket"])
def test_a_reader_that_has_stopped_holds_nobody_up(
    ends: Callable[[], tuple[int, int]],
) -> None:
    ours, theirs = ends()
    with logging_to(theirs) as logger, within(1), ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: logger.info(TEXT, extra={"n": n}), range(2_000)))
    assert {line["event"] for line in read(ours)} == {TEXT}
    os.close(ours)
    os.close(theirs)


def test_lines_that_found_no_room_are_counted_in_the_log(pipe: tuple[int, int]) -> None:
    ours, theirs = pipe
    with logging_to(theirs) as logger:
        for n in range(1_000):
            logger.info(TEXT, extra={"n": n})
        early = [line["n"] for line in read(ours)]
        logger.info("again")
        note, again = read(ours)
    assert early == list(range(len(early)))
    assert (note["event"], note["dropped"]) == ("lines were dropped", 1_000 - len(early))
    assert again["event"] == "again"


def test_a_slow_reader_is_waited_for(pipe: tuple[int, int]) -> None:
    ours, theirs = pipe
    with logging_to(theirs) as logger, ThreadPoolExecutor(1) as pool:
        os.set_blocking(theirs, False)
        try:
            while True:
                os.write(theirs, b"\n" * 4096)
        except BlockingIOError:
            pass
        written = pool.submit(logger.info, "late")
        assert not written.done()
        os.read(ours, 65_536)
        written.result(5)
        last = os.read(ours, 65_536)
    assert json.loads(last.splitlines()[-1])["event"] == "late"


def test_a_line_that_cannot_be_made_is_said_to_be_missing(pipe: tuple[int, int]) -> None:
    ours, theirs = pipe
    with logging_to(theirs) as logger:
        logger.info("%d", "hunter2")
        (line,) = read(ours)
    assert (line["level"], line["of"]) == ("ERROR", "tests.reader")
    assert "hunter2" not in json.dumps(line)


def test_a_log_that_nobody_reads_any_more_stops_nobody() -> None:
    ours, theirs = os.pipe()
    with logging_to(theirs) as logger:
        os.close(ours)
        logger.info("lost")
    os.close(theirs)


def test_a_handler_that_is_closed_leaves_no_descriptor_open(pipe: tuple[int, int]) -> None:
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        with logging_to(pipe[1]):
            pass
    assert os.listdir("/proc/self/fd") == before


def upgraded(directory: Path, **how: Any) -> int:
    """The exit code of `flask db upgrade`, which has something to log."""
    command = [sys.executable, "-m", "flask", "db", "upgrade"]
    return subprocess.call(
        command, cwd=ROOT, env=environment(directory), stdin=subprocess.DEVNULL, **how
    )


def test_a_command_whose_log_nobody_reads_ends_with_0(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    assert upgraded(tmp_path, stderr=theirs) == 0
    os.close(theirs)


def test_a_command_with_a_closed_standard_error_ends_with_0(tmp_path: Path) -> None:
    assert upgraded(tmp_path, preexec_fn=lambda: os.close(2)) == 0


def test_what_is_closed_becomes_the_null_device() -> None:
    script = """
import os
from service.telemetry.standard_error import Handler
os.close(2)
Handler()
print(os.readlink("/proc/self/fd/2"))
"""
    found = subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True)
    assert found == "/dev/null\n"
