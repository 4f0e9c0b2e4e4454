"""A thread lingers on its connection: what fails here when gunicorn changes under `Worker.handle`.

It uses two names of gunicorn that are not documented (decision 0007).
"""

import os
import selectors
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from unittest.mock import Mock

import pytest
from gunicorn.config import Config
from gunicorn.sock import TCPSocket
from gunicorn.workers.gthread import TConn

from service.web.worker import Logger, Worker
from tests.support.answering import app
from tests.support.http import receive, request

ASK = request("GET", "/healthz", headers={})


@pytest.fixture
def worker() -> Iterator[Worker]:
    """A worker whose threads are there, and whose main loop does not run."""
    worker = Worker(0, os.getppid(), [], None, 30, Config(), Mock(spec=Logger))
    worker.wsgi = app
    worker.tpool = worker.get_thread_pool()
    yield worker
    worker.tpool.shutdown()
    worker.tmp.close()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connection's end at the client and at the server."""
    client, server = socket.socketpair()
    with client, server:
        client.settimeout(5)
        yield client, server


def handled(worker: Worker, end: socket.socket) -> "Future[object]":
    """Have the worker handle a new connection, in one of its threads."""
    return worker.tpool.submit(worker.handle, TConn(worker.cfg, end, ("127.0.0.1", 1), ("", 80)))


def test_the_next_request_on_a_connection_is_served_without_the_main_thread(
    worker: Worker, ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.web.worker.LINGER", 5_000)
    client, server = ends
    client.sendall(ASK)
    once = handled(worker, server)
    for _ in range(3):
        assert receive(client).status == 200
        assert not once.done()
        client.sendall(ASK)
    assert receive(client).status == 200
    client.close()
    assert once.result(5) is False


def test_a_request_that_came_together_with_the_last_one_is_served_at_once(
    worker: Worker, ends: tuple[socket.socket, socket.socket]
) -> None:
    client, server = ends
    client.sendall(ASK * 2)
    client.shutdown(socket.SHUT_WR)
    assert handled(worker, server).result(5) is False
    first = receive(client)
    assert (first.status, first.rest[:12]) == (200, b"HTTP/1.1 200")


def test_a_connection_that_is_silent_goes_back_to_the_main_thread(
    worker: Worker, ends: tuple[socket.socket, socket.socket]
) -> None:
    client, server = ends
    client.sendall(ASK)
    assert handled(worker, server).result(5) is True


def test_a_connection_goes_back_to_the_main_thread_when_others_wait(
    worker: Worker, ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.web.worker.LINGER", 60_000)
    client, server = ends
    client.sendall(ASK)
    begin = threading.Event()
    worker.tpool.submit(begin.wait)  # keeps its one thread until the others are in the queue
    once = handled(worker, server)
    worker.tpool.submit(begin.wait)
    begin.set()
    assert once.result(5) is True


def test_a_worker_that_is_stopped_while_it_starts_ends(worker: Worker) -> None:
    """TERM may come before its loop, and between any two of its lines."""
    worker.sockets = [TCPSocket(("127.0.0.1", 0), worker.cfg, worker.log)]
    worker.alive = False
    with selectors.DefaultSelector() as worker.poller:
        for enabled in (True, False, False):
            worker.set_accept_enabled(enabled)
        assert not worker.poller.get_map()


def test_a_worker_that_is_to_end_at_once_takes_no_lock_and_hears_no_second_signal(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line that Ctrl-C interrupts may hold the pool's; the master's QUIT comes right after."""
    numbers = (signal.SIGINT, signal.SIGQUIT)
    before = [signal.getsignal(number) for number in numbers]
    monkeypatch.setattr(worker.tpool, "shutdown", Mock(side_effect=AssertionError))
    try:
        with pytest.raises(SystemExit):
            worker.handle_quit(signal.SIGINT, None)
        assert [signal.getsignal(number) for number in numbers] == [signal.SIG_IGN] * 2
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
