"""The file of public keys under the real server: starts, and changes while it runs."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import keys
from tests.support.factories import PATH, path_of
from tests.support.gunicorn import Server, refused_start, serving
from tests.support.keys import jwks, public_entry, token
from tests.support.waiting import eventually

GOOD, OTHER = (jwks([public_entry("ES256", name)]) for name in ("1", "2"))
BROKEN = b"<html>502</html>"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_bytes(GOOD)
    return path


@pytest.fixture
def server(tmp_path: Path, path: Path) -> Iterator[Server]:
    settings = keys.environment(path) | {"JWT_SECRET_KEY": "", "WEB_CONCURRENCY": "1"}
    with serving(tmp_path, **settings) as server:
        yield server


def status(server: Server, name: str = "1") -> int:
    return server.get(PATH, Authorization=f"Bearer {token('ES256', name)}").status


def put(path: Path, content: bytes) -> None:
    """Put the content into the file's place, whole, as the manual says."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)


def test_a_file_that_cannot_be_used_stops_the_start(tmp_path: Path, path: Path) -> None:
    path.write_bytes(BROKEN)
    process = refused_start(tmp_path, **keys.environment(path))
    said, _ = process.communicate(timeout=30)
    (sentence,) = said.splitlines()
    assert process.returncode not in {0, None}
    assert sentence.startswith("Configuration: JWT_PUBLIC_KEYS_FILE ")


def test_a_changed_file_counts_within_five_seconds(server: Server, path: Path) -> None:
    assert (status(server, "1"), status(server, "2")) == (200, 401)
    put(path, OTHER)
    eventually(lambda: status(server, "2") == 200, seconds=5)
    assert status(server, "1") == 401


@pytest.mark.parametrize("sign", [signal.SIGHUP, signal.SIGKILL])
def test_a_worker_that_starts_beside_a_broken_file_serves_without_its_keys(
    server: Server, path: Path, sign: signal.Signals
) -> None:
    put(path, BROKEN)
    (old,) = server.workers()
    os.kill(server.process.pid if sign == signal.SIGHUP else old, sign)
    eventually(lambda: server.workers() not in ([old], []) and len(server.workers()) == 1)
    assert server.get(path_of(7)).status == 200
    assert status(server) == 401
    put(path, GOOD)
    eventually(lambda: status(server) == 200, seconds=5)
