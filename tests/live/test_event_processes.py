"""`flask events deliver` as processes: several, killed, ended, without a database for a while."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.support.broken_network import line_to
from tests.support.databases import ON_POSTGRESQL, ON_SQLITE, application, migrate, postgresql
from tests.support.delivering import delivering
from tests.support.gunicorn import environment
from tests.support.processes import launch
from tests.support.receiver import SECRET, Receiver, receiving
from tests.support.stored import link
from tests.support.waiting import becomes, eventually, within

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def start(app: Flask, database_url: str, tmp_path: Path, receiver: Receiver) -> Iterator[Start]:
    """Starts a process that delivers to the receiver."""
    settings = {"DATABASE_URL": database_url, "WEBHOOK_SECRET": SECRET}
    started: list[subprocess.Popen[bytes]] = []

    def start(**changes: str) -> "subprocess.Popen[bytes]":
        environ = environment(tmp_path, **(settings | {"WEBHOOK_URLS": receiver.url} | changes))
        command = [sys.executable, "-m", "flask", "events", "deliver"]
        started.append(launch(command, environ, tmp_path / "output"))
        return started[-1]

    with app.app_context():
        yield start
    for process in started:
        process.kill()
        process.wait()


def test_when_the_working_one_is_killed_another_goes_on(
    start: Start, receiver: Receiver, tmp_path: Path
) -> None:
    working = start()
    link(ext_id="fb-1")
    eventually(lambda: receiver.ids() == [1], 30)
    waiting = start()
    eventually(lambda: "another process delivers" in (tmp_path / "output").read_text(), 30)
    link(ext_id="fb-2")
    eventually(lambda: receiver.ids() == [1, 2], 30)
    working.send_signal(signal.SIGKILL)
    link(ext_id="fb-3")
    eventually(lambda: receiver.ids()[-1] == 3, 30)
    # What was acknowledged and could not be noted any more comes again.
    assert receiver.ids() in ([1, 2, 3], [1, 2, 2, 3])
    assert waiting.poll() is None


def test_killed_in_the_middle_of_an_attempt_the_event_comes_again(
    start: Start, receiver: Receiver
) -> None:
    receiver.answer = receiver.silence
    link(ext_id="fb-1")
    link(ext_id="fb-2")
    working = start()
    eventually(lambda: receiver.ids() == [1], 30)
    working.send_signal(signal.SIGKILL)
    receiver.answer = lambda _: 200
    start()
    eventually(lambda: receiver.ids() == [1, 1, 2], 30)


def test_term_ends_it_cleanly(start: Start, receiver: Receiver) -> None:
    process = start()
    link()
    eventually(lambda: receiver.ids() == [1], 30)
    process.terminate()
    with within(5):
        assert process.wait(10) == 0


def test_term_lets_an_attempt_end_that_is_under_way(start: Start, receiver: Receiver) -> None:
    def slow(_: object) -> int:
        time.sleep(1)
        return 200

    receiver.answer = slow
    link()
    process = start()
    eventually(lambda: receiver.ids() == [1], 30)
    process.terminate()
    assert process.wait(10) == 0
    start()
    link(ext_id="fb-2")
    eventually(lambda: receiver.ids() == [1, 2], 30)


def test_term_does_not_wait_for_a_receiver_that_hangs(start: Start, receiver: Receiver) -> None:
    receiver.answer = receiver.silence
    link()
    process = start()
    eventually(lambda: receiver.ids() == [1], 30)
    process.terminate()
    with within(8):
        assert process.wait(10) == 0


@ON_SQLITE
def test_after_term_sqlite_s_data_is_all_in_the_one_file(
    start: Start, receiver: Receiver, tmp_path: Path
) -> None:
    path = tmp_path / "own.db"
    migrate(f"sqlite:///{path}")
    process = start(DATABASE_URL=f"sqlite:///{path}")
    eventually(lambda: "delivering" in (tmp_path / "output").read_text(), 30)
    with application(f"sqlite:///{path}"):
        link()
    eventually(lambda: receiver.ids() == [1], 30)
    process.terminate()
    assert process.wait(10) == 0
    assert sorted(file.name for file in tmp_path.glob("own.db*")) == ["own.db", "own.db-deliver"]


@ON_SQLITE
def test_one_that_waits_ends_too(start: Start, receiver: Receiver, tmp_path: Path) -> None:
    start()
    link()
    eventually(lambda: receiver.ids() == [1], 30)
    waiting = start()
    eventually(lambda: "another process delivers" in (tmp_path / "output").read_text(), 30)
    waiting.terminate()
    assert waiting.wait(10) == 0


@ON_SQLITE
@pytest.mark.parametrize("url", ["http://example.org/", "ftp://example.org/", "example.org"])
def test_a_target_that_may_not_be_stops_the_start(start: Start, tmp_path: Path, url: str) -> None:
    assert start(WEBHOOK_URLS=url).wait(30) == 2
    output = (tmp_path / "output").read_text()
    assert output.startswith("Configuration: WEBHOOK_URLS holds address 1")
    assert "Traceback" not in output


@ON_POSTGRESQL
def test_a_database_that_goes_away_is_waited_for(
    app: Flask, database_url: str, receiver: Receiver
) -> None:
    with app.app_context():
        link(ext_id="fb-1")
    with (
        line_to(database_url) as line,
        application(line.url) as away,
        delivering(away, receiver.url),
    ):
        eventually(lambda: receiver.ids() == [1])
        line.cut()
        with app.app_context():
            link(ext_id="fb-2")
        assert not becomes(lambda: len(receiver.received) > 1, 3)
        line.mend()
        eventually(lambda: receiver.ids() == [1, 2], 10)


@ON_POSTGRESQL
def test_a_database_that_is_not_there_at_the_start_is_waited_for(
    app: Flask, database_url: str, receiver: Receiver
) -> None:
    with app.app_context():
        link()
    with line_to(database_url) as line, application(line.url) as away:
        line.cut()
        with delivering(away, receiver.url):
            assert not becomes(lambda: receiver.received, 2)
            line.mend()
            eventually(lambda: receiver.ids() == [1], 10)


@ON_POSTGRESQL
def test_who_lost_the_lock_s_connection_leaves_the_work_to_the_next(
    app: Flask, database_url: str, receiver: Receiver
) -> None:
    with app.app_context(), receiving() as other, delivering(app, receiver.url):
        link(ext_id="fb-1")
        eventually(lambda: receiver.ids() == [1])
        with delivering(app, other.url):
            with postgresql(database_url) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks"
                    " WHERE locktype = 'advisory' AND granted"
                )
                connection.commit()
            link(ext_id="fb-2")
            eventually(lambda: receiver.ids() == [1, 2] or other.ids() == [1, 2])
            time.sleep(0.5)  # both may have been at work for a moment
            link(ext_id="fb-3")
            eventually(lambda: 3 in receiver.ids() + other.ids())
            assert not becomes(lambda: 3 in receiver.ids() and 3 in other.ids(), 0.5)
