"""A machine whose root is read-only, as containers often have it."""

import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.databases import migrate
from tests.support.gunicorn import GUNICORN, environment
from tests.support.http import exchange, request
from tests.support.processes import ROOT, end, free_port, unmeasured
from tests.support.waiting import eventually

READ_ONLY = "mount -o remount,ro,bind / && "
NO_MEMORY = READ_ONLY + "mount -t tmpfs -o ro tmpfs /dev/shm && "


@pytest.fixture
def in_memory() -> Iterator[Path]:
    if subprocess.call(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL):
        pytest.skip("mounting isn't allowed here")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)


def start(directory: Path, mounts: str, port: int, **settings: str) -> "subprocess.Popen[str]":
    """A server that sees these mounts, and whose temporary files have no place of their own."""
    environ = environment(directory, WEB_CONCURRENCY="1", PORT=str(port), **settings)
    # Coverage has no place for its findings either.
    environ = {name: value for name, value in unmeasured(environ).items() if name != "TMPDIR"}
    return subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", mounts + "exec " + shlex.join([*GUNICORN, "wsgi:app"])],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_it_serves_with_metrics_and_leaves_nothing_in_memory(in_memory: Path) -> None:
    migrate(environment(in_memory)["DATABASE_URL"])
    port = free_port()
    process = start(in_memory, READ_ONLY, port)

    def serves() -> bool:
        with suppress(OSError):
            return exchange(port, request("GET", "/readyz")).status == 200
        return False

    try:
        eventually(serves, 20)
        assert b"social_requests_total" in exchange(port, request("GET", "/metrics")).body
    finally:
        end(process)
        process.communicate()
    assert list(Path("/dev/shm").glob("social-metrics-*")) == []


def test_where_nothing_can_be_written_to_the_start_is_refused_with_a_sentence(
    in_memory: Path,
) -> None:
    elsewhere = "postgresql://u@127.0.0.1:1/x"
    process = start(in_memory, NO_MEMORY, free_port(), DATABASE_URL=elsewhere)
    said, _ = process.communicate(timeout=20)
    assert process.returncode
    assert said.startswith("Configuration: TMPDIR ")
    assert len(said.splitlines()) == 1
