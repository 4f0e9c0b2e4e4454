"""How the real gunicorn starts, refuses to start, and ends."""

import json
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from gunicorn.config import Config
from gunicorn.http import errors as gunicorn

from service.web.worker import Worker
from tests.support.databases import sqlite
from tests.support.factories import PATH, as_user, facebook
from tests.support.gunicorn import Server, refused_start, serving
from tests.support.http import Answer, receive, request
from tests.support.waiting import eventually, within


class Refused(NamedTuple):
    status: int
    said: str
    directory: Path


SENSELESS = {
    "JWT_SECRET_KEY": "",
    "WEB_CONCURRENCY": "0",
    "PORT": "65536",
    "PROMETHEUS_MULTIPROC_DIR": "/nowhere/at/all",
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Refused]:
    """What became of starts with a senseless setting, one each."""
    started = {}
    for name, value in SENSELESS.items():
        directory = tmp_path_factory.mktemp(name)
        started[name] = directory, refused_start(directory, **{name: value})
    ended = {}
    for name, (directory, process) in started.items():
        said, _ = process.communicate(timeout=30)
        ended[name] = Refused(process.returncode, said, directory)
    return ended


@pytest.mark.parametrize("name", SENSELESS)
def test_a_senseless_setting_stops_the_master_with_a_sentence(
    refused: dict[str, Refused], name: str
) -> None:
    assert refused[name].status not in {0, None}
    (sentence,) = refused[name].said.splitlines()
    assert sentence.startswith(f"Configuration: {name} ")


@pytest.mark.parametrize("name", SENSELESS)
def test_a_refused_start_leaves_nothing_behind(refused: dict[str, Refused], name: str) -> None:
    assert left_by(refused[name].directory) == []


def left_by(directory: Path) -> list[Path]:
    """What a server left in its home and in the place of temporary files."""
    return [file for name in ("home", "tmp") for file in (directory / name).iterdir()]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """One worker with one thread: what waits for another can't hide."""
    with serving(tmp_path, WEB_CONCURRENCY="1", THREADS="1") as server:
        yield server


@contextmanager
def busy_connection(server: Server) -> Iterator[list[Answer]]:
    """A client that asks again as soon as it is answered, on one connection, until it is closed."""
    answers: list[Answer] = []
    is_over = threading.Event()

    def ask() -> None:
        with server.connect() as connection:
            while not is_over.is_set():
                connection.sendall(request("GET", "/healthz", headers={}))
                answers.append(receive(connection))
                if answers[-1].headers["connection"] == "close":
                    return

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        eventually(lambda: len(answers) > 10)
        yield answers
        is_over.set()
        asking.result(10)


def test_a_busy_connection_keeps_nobody_else_waiting(server: Server) -> None:
    with busy_connection(server), within(1):
        for _ in range(5):
            assert server.get("/healthz").status == 200


def test_asked_to_stop_it_says_good_bye_to_a_busy_connection(server: Server) -> None:
    with busy_connection(server) as answers:
        assert server.stop() == 0
    assert {answer.status for answer in answers} == {200}
    assert [answer.headers["connection"] for answer in answers[-2:]] == ["keep-alive", "close"]


def test_asked_to_stop_it_finishes_what_it_accepted(server: Server) -> None:
    assert server.get("/readyz").status == 200  # it has its connection now
    post = request("POST", PATH, json.dumps(facebook()).encode(), headers=as_user(7))
    with (
        closing(sqlite(f"sqlite:///{server.directory}/social.db")) as elsewhere,
        server.connect() as connection,
        ThreadPoolExecutor(1) as pool,
    ):
        elsewhere.execute("BEGIN IMMEDIATE")
        connection.sendall(post)
        answer = pool.submit(receive, connection)
        time.sleep(0.2)  # it waits for the lock now
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert not answer.done(), answer.result()
        elsewhere.execute("ROLLBACK")
        assert answer.result(5).status == 201
    assert server.process.wait(10) == 0
    with closing(sqlite(f"sqlite:///{server.directory}/social.db")) as elsewhere:
        assert elsewhere.execute("SELECT count(*) FROM social_association").fetchone() == (1,)


def test_asked_to_reload_it_loses_no_request(server: Server) -> None:
    (before,) = server.workers()
    server.process.send_signal(signal.SIGHUP)
    statuses = set()

    def is_new_one_alone() -> bool:
        statuses.add(server.get("/readyz").status)
        return len(server.workers()) == 1 and before not in server.workers()

    eventually(is_new_one_alone, seconds=10)
    assert statuses == {200}


def test_a_worker_that_dies_is_replaced(server: Server) -> None:
    (dead,) = server.workers()
    os.kill(dead, signal.SIGKILL)
    eventually(lambda: server.workers() not in ([], [dead]))
    assert server.get("/readyz").status == 200


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server that has had something to do and was asked to stop."""
    with serving(tmp_path_factory.mktemp("stopped"), WEB_CONCURRENCY="1") as server:
        server.send(request("GET", PATH, headers=as_user(7)))
        server.send(b"hunter2\r\n\r\n")
        assert server.stop() == 0
    return server


def test_nothing_is_left_behind(stopped: Server) -> None:
    assert left_by(stopped.directory) == []


def test_every_line_of_its_output_is_json(stopped: Server) -> None:
    lines = stopped.lines()
    assert len(lines) > 3
    assert all({"time", "level", "name", "event"} <= set(line) for line in lines)


def test_a_folder_for_metrics_may_hold_the_database_too(tmp_path: Path) -> None:
    settings = {"WEB_CONCURRENCY": "1", "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    (tmp_path / "counter_1.db").write_bytes(b"of a master before this one")
    with serving(tmp_path, **settings) as server:
        assert server.get("/readyz").status == 200
    assert not (tmp_path / "counter_1.db").exists()


# what can't be provoked from outside: the worker by itself


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker(0, os.getppid(), [], None, 30, Config(), logging.getLogger("tests.worker"))
    yield worker
    worker.tmp.close()


def refused_by(worker: Worker, error: Exception) -> Answer:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        worker.handle_error(None, theirs, ("127.0.0.1", 1), error)
        theirs.close()
        return receive(ours)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (gunicorn.LimitRequestLine(9000, 8190), 414),
        (gunicorn.LimitRequestHeaders("limit request headers fields size"), 431),
        (gunicorn.UnsupportedTransferCoding("hunter2"), 501),
        (gunicorn.InvalidRequestLine("hunter2"), 400),
        (gunicorn.InvalidHeader("hunter2"), 400),
        (gunicorn.InvalidChunkSize(b"hunter2"), 400),
        (RuntimeError("hunter2"), 500),
        (gunicorn.InvalidResponseHeader("hunter2"), 500),
        (gunicorn.InvalidResponseHeaderName("hunter2"), 500),
        (gunicorn.ConfigurationProblem("hunter2"), 500),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_each_error_of_the_server_has_its_status(
    worker: Worker, error: Exception, status: int
) -> None:
    answer = refused_by(worker, error)
    assert (answer.status, answer.json()["status"]) == (status, status)
    assert b"hunter2" not in answer.body


@pytest.mark.parametrize(
    "error", [gunicorn.InvalidHeader("hunter2"), RuntimeError("hunter2")], ids=["client", "bug"]
)
def test_an_error_of_the_server_is_logged_without_what_was_sent(
    worker: Worker, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    refused_by(worker, error)
    assert len(caplog.records) == 1
    assert "hunter2" not in caplog.records[0].getMessage()
