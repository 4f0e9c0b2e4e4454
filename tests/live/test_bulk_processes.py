"""`flask associations …` as processes: stopped in the middle, watched, and how much they take."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa
from flask import Flask

from service.commands.associations import AT_ONCE
from service.store import numbering
from tests.support import stored
from tests.support.broken_network import line_to
from tests.support.bulk import lines
from tests.support.databases import ON_POSTGRESQL, ON_SQLITE, a_writer
from tests.support.factories import environment, facebook
from tests.support.processes import ROOT, unmeasured
from tests.support.waiting import eventually, within

FLASK = Path(sys.executable).with_name("flask")
PATIENCE = 120
"""Seconds that a busy machine may take."""
STOPPED = b"Error: Stopped. Run it again to go on: what is there stays as it is.\n"
IMPORT = [FLASK, "associations", "import", "--created-by", "1"]


def many(count: int) -> str:
    return lines(*(facebook(ext_id=f"fb-{n}", user_id=n // 10 + 1) for n in range(count)))


@contextmanager
def importing(url: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that imports what it is given on its standard input."""
    process = subprocess.Popen(
        [*IMPORT, "-"],
        cwd=ROOT,
        env=unmeasured(os.environ) | environment(url),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


@pytest.fixture
def is_half_done(app: Flask) -> Iterator[Callable[[], bool]]:
    with app.app_context():
        yield lambda: stored.ask("SELECT count(*) AS value FROM social_association") > 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_stopped_in_the_middle_it_goes_on_when_run_again(
    database_url: str, is_half_done: Callable[[], bool], number: signal.Signals
) -> None:
    text = many(3_000)
    with importing(database_url) as process:
        assert process.stdin is not None
        process.stdin.write(text[: len(text) * 9 // 10].encode())
        process.stdin.flush()
        eventually(is_half_done, 30)
        process.send_signal(number)
        if number != signal.SIGKILL:
            out, err = process.communicate(timeout=PATIENCE)
            assert (process.returncode, out) == (2, b"")
            assert err == STOPPED
        assert process.wait(PATIENCE) != 0
    there = len(stored.rows())
    assert 0 < there < 3_000
    with importing(database_url) as process:
        out, _ = process.communicate(text.encode(), timeout=PATIENCE)
    expected = {"created": 3_000 - there, "unchanged": there, "conflict": 0, "invalid": 0}
    assert (process.returncode, json.loads(out)) == (0, expected)
    assert len(stored.rows()) == 3_000
    numbering.number()
    assert stored.ask("SELECT count(*) AS value FROM social_event") == 3_000


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_that_waits_for_another_writer_can_be_stopped(
    app: Flask, database_url: str, number: signal.Signals
) -> None:
    with a_writer(database_url), importing(database_url) as process:
        assert process.stdin is not None
        at_once = AT_ONCE[sa.make_url(database_url).get_backend_name()]
        process.stdin.write(many(at_once + 100).encode())
        process.stdin.flush()
        eventually(lambda: psutil.Process(process.pid).num_threads() > 1, 30)
        time.sleep(1)  # by now it waits
        process.send_signal(number)
        with within(10):
            out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (2, b"", STOPPED)
    with app.app_context():
        assert stored.rows() == []


@ON_POSTGRESQL
def test_ctrl_c_again_ends_one_whose_database_answers_nothing(
    app: Flask, database_url: str
) -> None:
    with line_to(database_url) as line:
        line.cut_before(b"COPY")
        with importing(line.url) as process:
            assert process.stdin is not None
            process.stdin.write(many(AT_ONCE["postgresql"] + 100).encode())
            process.stdin.flush()
            eventually(lambda: line.is_cut, 30)

            def ends() -> bool:
                process.send_signal(signal.SIGINT)
                return process.poll() is not None

            begin = time.monotonic()
            eventually(ends, 10)
            assert time.monotonic() - begin > 1.5  # those that came at once changed nothing
            assert process.communicate() == (b"", b"")
            assert process.returncode == 2


@ON_POSTGRESQL
def test_a_database_that_goes_away_ends_it_with_a_sentence(
    database_url: str, is_half_done: Callable[[], bool]
) -> None:
    text = many(5_000).encode()
    with importing(database_url) as process:
        assert process.stdin is not None
        process.stdin.write(text[: len(text) * 9 // 10])
        process.stdin.flush()
        eventually(is_half_done, 30)
        stored.ask(
            "SELECT count(pg_terminate_backend(pid)) AS value FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        out, err = process.communicate(text[len(text) * 9 // 10 :], timeout=PATIENCE)
    assert (process.returncode, out) == (2, b"")
    # Before it, if it was just copying, what psycopg logs of that.
    *_, last = err.splitlines(keepends=True)
    assert re.fullmatch(rb"Error: The database can't do this for now: .*[^.]\.\n", last)
    with importing(database_url) as process:
        out, _ = process.communicate(text, timeout=PATIENCE)
    found = json.loads(out)
    assert (process.returncode, found["created"] + found["unchanged"]) == (0, 5_000)
    assert found["unchanged"] > 0


@ON_SQLITE
def test_a_terminal_sees_how_far_it_is(app: Flask, database_url: str, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    file = tmp_path / "links.jsonl"
    file.write_text(many(600))
    process = subprocess.Popen(
        [*IMPORT, file],
        cwd=ROOT,
        env=os.environ | environment(database_url),
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    with suppress(OSError):  # the other end is closed
        while some := os.read(ours, 1000):
            seen += some
    out, _ = process.communicate(timeout=PATIENCE)
    os.close(ours)
    assert json.loads(out)["created"] == 600
    assert b"100%" in seen
    assert b"600 lines, " in seen
    assert b"/s" in seen


SMALL_PARENT = """
import os, resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""
"""Prints the most memory that a command had, in MiB: a child's begins with its parent's."""


@ON_POSTGRESQL
def test_memory_does_not_grow_with_the_file(app: Flask, database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "links.jsonl"

    def peak(count: int) -> float:
        file.write_text(many(count))
        found = subprocess.check_output(
            [sys.executable, "-c", SMALL_PARENT, *IMPORT, file],
            cwd=ROOT,
            env=os.environ | environment(database_url),
        )
        return float(found)

    few, much = peak(6_000), peak(40_000)
    assert much - few < 8  # MiB; 34,000 lines would be 20 or more
