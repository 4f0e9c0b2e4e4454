"""Two instances, replaced one by one under load: no request is refused or reset.

The release before, from git, serves on the new schema while the migrations run.
"""

import json
import random
import subprocess
import sys
import tarfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import BytesIO
from pathlib import Path

import pytest

from tests.deploy.conftest import prefix
from tests.deploy.stack import Nginx, Place, Service
from tests.deploy.test_restart import load, only_good
from tests.support.databases import empty_postgresql
from tests.support.factories import as_user, facebook, path_of
from tests.support.gunicorn import Server, environment, serving
from tests.support.http import exchange, request
from tests.support.processes import ROOT
from tests.support.waiting import eventually

RELEASED = "59f209d"
"""The commit of release 1.0.0."""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The tree of the release before."""
    done = subprocess.run(["git", "archive", RELEASED], cwd=ROOT, capture_output=True)
    if done.returncode:
        pytest.skip(f"this checkout has no history: {done.stderr.decode()}")
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(tmp_path / "old", filter="data")
    return tmp_path / "old"


@pytest.fixture
def url(service: Service) -> Iterator[str]:
    """An empty database."""
    with empty_postgresql(service.unit.environ()["DATABASE_URL"]) as url:
        yield url


class Instance:
    """A place for an instance, which may be empty."""

    def __init__(self, folder: Path, url: str, **settings: str) -> None:
        folder.mkdir()
        self._folder, self._settings = folder, {"DATABASE_URL": url, **settings}
        self._running = ExitStack()
        self.server: Server | None = None

    def start(self, tree: Path = ROOT) -> None:
        self.server = self._running.enter_context(
            serving(
                self._folder,
                binds_itself=True,
                is_migrated=True,
                patience=40,
                cwd=tree,
                WEB_CONCURRENCY="1",
                **self._settings,
            )
        )

    def stop(self) -> None:
        self._running.close()


@contextmanager
def two(folder: Path, url: str, tree: Path, **settings: str) -> Iterator[list[Instance]]:
    instances = [Instance(folder / name, url, **settings) for name in ("one", "two")]
    try:
        for instance in instances:
            instance.start(tree)
        yield instances
    finally:
        for instance in instances:
            instance.stop()


def migrate(tree: Path, folder: Path, url: str) -> None:
    command = [sys.executable, "-m", "flask", "db", "upgrade"]
    environ = environment(folder, DATABASE_URL=url)
    subprocess.run(command, cwd=tree, env=environ, check=True, capture_output=True)


def test_behind_nginx_from_the_release_before(old: Path, tmp_path: Path, url: str) -> None:
    """As docs/operations.md has it: one is marked `down`, and nginx reads its files again."""
    migrate(old, tmp_path, url)
    with prefix() as directory, two(tmp_path, url, old) as instances:
        place = Place(directory)
        nginx = Nginx(place)
        file = place.prefix / "etc/nginx/social/service.conf"

        def point(without: Instance | None = None) -> None:
            lines = [
                f"server 127.0.0.1:{instance.server.port}{' down' * (instance is without)};"
                for instance in instances
                if instance.server
            ]
            file.write_text("\n".join(lines))

        point()
        nginx.start()
        try:
            with load(place.port) as outcomes:
                migrate(ROOT, tmp_path, url)
                for instance in instances:
                    point(without=instance)
                    nginx.reload()
                    instance.stop()
                    instance.start()
                    point()
                    nginx.reload()
        finally:
            nginx.stop()
    only_good(outcomes)


def test_where_a_balancer_asks_who_is_ready(tmp_path: Path, url: str) -> None:
    """It needs time to notice: DRAIN_SECONDS."""
    migrate(ROOT, tmp_path, url)
    failed: list[str] = []
    good = 0
    is_over = threading.Event()
    ready: list[Server] = []

    def look() -> None:
        while not is_over.wait(0.2):
            ready[:] = [i.server for i in instances if i.server and _is_ready(i.server)]

    def write() -> None:
        nonlocal good
        while not is_over.wait(0.02):
            server = random.choice(ready)
            body = json.dumps(facebook(ext_id=str(uuid.uuid4()))).encode()
            try:
                headers = as_user(7)
                status = exchange(
                    server.port, request("POST", path_of(7), body, headers=headers)
                ).status
                assert status == 201, status
                good += 1
            except Exception as error:
                failed.append(repr(error))

    settings = {"DRAIN_SECONDS": "4", "MAX_ASSOCIATIONS_PER_USER": "100000"}
    with two(tmp_path, url, ROOT, **settings) as instances:
        threads = [threading.Thread(target=look)]
        threads[0].start()
        eventually(lambda: len(ready) == 2)
        threads.append(threading.Thread(target=write))
        threads[1].start()
        try:
            for instance in instances:
                before = good
                instance.stop()
                instance.start()
                eventually(lambda: len(ready) == 2, 20)
                assert good > before
        finally:
            is_over.set()
            for thread in threads:
                thread.join()
    assert failed == []


def _is_ready(server: Server) -> bool:
    with suppress(OSError, AssertionError):
        return server.get("/readyz").status == 200
    return False
