"""The real server and whoever reads its log: stops reading, goes away, was never there."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.databases import migrate
from tests.support.gunicorn import GUNICORN, environment
from tests.support.http import Answer, exchange, request
from tests.support.processes import ROOT, end
from tests.support.waiting import eventually, within


@contextmanager
def logging_to(
    directory: Path, descriptor: int | None
) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """A server with this standard error, or a closed one; gives its process and port."""
    environ = environment(directory, WEB_CONCURRENCY="2", THREADS="4")
    migrate(environ["DATABASE_URL"])
    closed = [] if descriptor is not None else ["sh", "-c", 'exec "$0" "$@" 2>&-']
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        process = subprocess.Popen(
            [*closed, *GUNICORN, "wsgi:app"],
            cwd=ROOT,
            env=environ | {"BIND": f"fd://{listener.fileno()}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=descriptor,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
        try:
            yield process, listener.getsockname()[1]
        finally:
            end(process)


def health(port: int) -> Answer:
    return exchange(port, request("GET", "/healthz"))


def children(process: "subprocess.Popen[bytes]") -> list[int]:
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(child) for child in path.read_text().split()]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ours, theirs = os.pipe()
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def test_a_log_reader_that_stops_reading_holds_no_request_up(
    tmp_path: Path, pipe: tuple[int, int]
) -> None:
    _, theirs = pipe
    with logging_to(tmp_path, theirs) as (process, port):
        eventually(lambda: len(children(process)) == 2, 20)
        before = children(process)
        for _ in range(500):  # some 90 KB of lines, and a pipe holds 64
            with within(2):
                assert health(port).status == 200
        process.send_signal(signal.SIGHUP)  # about which the master has something to log, too
        eventually(
            lambda: len(children(process)) == 2 and not set(before) & {*children(process)}, 20
        )
        assert health(port).status == 200
        process.terminate()
        assert process.wait(20) == 0


def test_a_log_reader_that_is_gone_fails_no_request_and_no_exit(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with logging_to(tmp_path, theirs) as (process, port):
        os.close(theirs)
        assert health(port).status == 200
        process.terminate()
        assert process.wait(20) == 0


def test_a_closed_standard_error_is_the_null_device_in_every_process(tmp_path: Path) -> None:
    with logging_to(tmp_path, None) as (process, port):
        assert health(port).status == 200
        for pid in [process.pid, *children(process)]:
            assert os.readlink(f"/proc/{pid}/fd/2") == "/dev/null"
        process.terminate()
        assert process.wait(20) == 0
