"""The stack of deploy/ on ports of its own, and nginx alone before a gunicorn that is none.

.venv/bin/python -m pytest -c setup.cfg --no-cov tests/deploy -m deploy
"""

import itertools
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deploy.stack import Nginx, Place, Service
from tests.deploy.upstream import Upstream
from tests.support import postgresql

_last_bytes = itertools.count(2)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "deploy: drives nginx and gunicorn; not part of `make test`")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("deploy")


@contextmanager
def prefix() -> Iterator[Path]:
    # Not below pytest's own directory, which only its owner may enter; and with a short name,
    # since a socket's path may have 107 characters.
    directory = Path(tempfile.mkdtemp(prefix="social-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def place() -> Iterator[Place]:
    with prefix() as directory:
        yield Place(directory)


@pytest.fixture(scope="session")
def service(place: Place) -> Iterator[Service]:
    """PostgreSQL and gunicorn, by the units."""
    with postgresql.start(place.prefix / "pg") as database:
        service = Service(place, {"DATABASE_URL": database.get_uri(), "WEB_CONCURRENCY": "2"})
        service.migrate()
        service.start()
        try:
            yield service
        finally:
            service.close()


@contextmanager
def nginx(place: Place) -> Iterator[None]:
    server = Nginx(place)
    server.start()
    try:
        yield
    finally:
        server.stop()


@pytest.fixture(scope="session")
def port(place: Place, service: Service) -> Iterator[int]:
    """The public port of the whole stack."""
    with nginx(place):
        service.wait_until_ready()
        yield place.port


@pytest.fixture(scope="module")
def alone() -> Iterator[Place]:
    """nginx alone; nothing listens where gunicorn should."""
    with prefix() as directory:
        place = Place(directory)
        with nginx(place):
            yield place


@pytest.fixture
def upstream(alone: Place) -> Iterator[Upstream]:
    """What stands in gunicorn's place behind `alone`, and records what it was sent."""
    with Upstream(alone.socket) as upstream:
        yield upstream


@pytest.fixture
def address() -> str:
    """A client's address of the test's own: no test uses up another's rate."""
    number = next(_last_bytes)
    return f"127.0.{number // 250 + 1}.{number % 250 + 2}"


@pytest.fixture(scope="module")
def tls() -> Iterator[Place]:
    """nginx alone, switched to TLS, with a certificate for localhost."""
    with prefix() as directory:
        place = Place(directory, tls=True)
        command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
        command += f" -addext subjectAltName=DNS:localhost -keyout {place.tls_key}"
        command += f" -out {place.tls_certificate}"
        subprocess.run(shlex.split(command), check=True, capture_output=True)
        with nginx(place):
            yield place
