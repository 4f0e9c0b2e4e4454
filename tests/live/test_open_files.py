"""More clients than a worker may have files open: systemd's and most shells' limit is 1,024."""

import json
import resource
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from tests.support.databases import sqlite
from tests.support.factories import PATH, as_user, facebook
from tests.support.gunicorn import refused_start, serving
from tests.support.http import connect, receive, request

CLIENTS = 1_100


@contextmanager
def limit_of_open_files(soft: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_clients_that_wait_for_a_lock_are_all_answered_however_many(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with limit_of_open_files(1024):
            server = stack.enter_context(serving(tmp_path, WEB_CONCURRENCY="1"))
        stack.enter_context(limit_of_open_files(4096))
        lock = stack.enter_context(closing(sqlite(f"sqlite:///{tmp_path}/social.db")))

        def create(n: int) -> int:
            body = json.dumps(facebook(user_id=n, ext_id=str(n))).encode()
            with connect(server.port, timeout=60) as client:
                client.sendall(request("POST", PATH, body, headers=as_user(n)))
                return receive(client).status

        before = server.workers()
        lock.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(CLIENTS) as pool:
            statuses = pool.map(create, range(1, CLIENTS + 1))
            time.sleep(3)  # by now as many are connected as there can be
            lock.execute("ROLLBACK")
            answered = Counter(statuses)
        assert set(answered) <= {201, 503}
        assert answered[201] > CLIENTS / 2
        assert server.workers() == before


def test_a_limit_that_is_too_low_for_the_threads_stops_the_start(tmp_path: Path) -> None:
    with limit_of_open_files(128):
        process = refused_start(tmp_path, THREADS="16")
    said, _ = process.communicate(timeout=30)
    assert process.returncode
    assert said.startswith("Configuration: THREADS is 16")
    assert len(said.splitlines()) == 1
