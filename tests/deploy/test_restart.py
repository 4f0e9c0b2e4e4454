"""Neither `systemctl reload` nor `systemctl restart` loses a request."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.deploy.stack import Service
from tests.deploy.wire import answers, connect, read_to_end, request, send
from tests.support.factories import PATH, as_user

CLIENTS = 4


@contextmanager
def load(port: int) -> Iterator[Counter[str]]:
    """Clients that write and read all the time, each below its rate; what became of it."""
    outcomes: Counter[str] = Counter()
    lock, stop = threading.Lock(), threading.Event()

    def client(number: int) -> None:
        headers, address = as_user(number), f"127.0.7.{number}"
        while not stop.wait(0.05):  # two requests of the 50 a second that a token has
            body = f'{{"user_id": {number}, "provider": "load", "ext_id": "{uuid.uuid4()}"}}'
            for method, status in (("POST", 201), ("DELETE", 204)):
                try:
                    sent = request(PATH, method, headers, body.encode())
                    [answer] = send(port, sent, address=address)
                    outcome = "good" if answer.status == status else str(answer)
                except Exception as error:
                    outcome = repr(error)
                with lock:
                    outcomes[f"{method} {outcome}"] += 1

    threads = [threading.Thread(target=client, args=[n]) for n in range(1, CLIENTS + 1)]
    for thread in threads:
        thread.start()
    try:
        yield outcomes
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def only_good(outcomes: Counter[str]) -> None:
    assert set(outcomes) == {"POST good", "DELETE good"}
    assert min(outcomes.values()) > 20


def test_reload_loses_no_request(port: int, service: Service) -> None:
    with load(port) as outcomes:
        for _ in range(3):
            time.sleep(1)
            service.reload()
        time.sleep(4)  # until the old workers are gone
    only_good(outcomes)


def test_restart_loses_no_request(port: int, service: Service) -> None:
    with load(port) as outcomes:
        for _ in range(2):
            time.sleep(1)
            service.stop()
            service.migrate()
            service.start()
        time.sleep(1)
    only_good(outcomes)


@pytest.fixture
def stopped(port: int, service: Service) -> Iterator[None]:
    service.stop()
    yield
    service.start()
    service.wait_until_ready()


def test_requests_wait_for_a_service_that_starts(
    port: int, address: str, stopped: None, service: Service
) -> None:
    with connect(port, address) as connection:
        connection.sendall(request(f"{PATH}?user_id=7"))
        time.sleep(0.5)
        service.start()
        [answer] = answers(read_to_end(connection))
    assert answer.status == 200
