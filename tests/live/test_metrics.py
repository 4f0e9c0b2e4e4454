"""The metrics of many workers, and what becomes of the service when there is no room for them."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

import pytest

from tests.support.factories import PATH, as_user, facebook
from tests.support.gunicorn import Server, serving
from tests.support.http import request
from tests.support.waiting import eventually

SAID = "this worker counts nothing for /metrics"


def counted(server: Server, operation: str) -> float:
    """How many requests of this operation went well, as the metrics have it."""
    text = server.get("/metrics").body.decode()
    name = f'social_requests_total{{operation="{operation}",status="200"}} '
    return sum(float(line.removeprefix(name)) for line in text.splitlines() if name in line)


def folder_of(server: Server) -> Path:
    return next(Path(server.environ["TMPDIR"]).glob("social-metrics-*"))


@contextmanager
def clients(server: Server, number: int) -> Iterator[list[int]]:
    """Clients that ask for /healthz until the block is left; gives the statuses."""
    statuses: list[int] = []
    over = Event()

    def ask() -> None:
        while not over.is_set():
            statuses.append(server.get("/healthz").status)

    with ThreadPoolExecutor(number) as pool:
        asking = [pool.submit(ask) for _ in range(number)]
        try:
            yield statuses
        finally:
            over.set()
            for client in asking:
                client.result(20)


def test_a_hundred_replaced_workers_and_a_reload_lose_no_count_and_leave_no_file(
    tmp_path: Path,
) -> None:
    limits = ["--max-requests", "5", "--max-requests-jitter", "0"]
    with serving(tmp_path, *limits, WEB_CONCURRENCY="2") as server:
        before = counted(server, "healthz")
        seen: set[int] = set()

        def replaced(workers: int) -> bool:
            seen.update(server.workers())
            return len(seen) > workers

        with clients(server, 4) as statuses:
            eventually(lambda: replaced(50), 60)
            server.process.send_signal(signal.SIGHUP)
            eventually(lambda: replaced(102), 60)
        assert set(statuses) == {200}
        assert counted(server, "healthz") - before == len(statuses)
        slots = {re.split("[_.]", file.name)[-2] for file in folder_of(server).iterdir()}
        assert len(slots) <= 4  # two of before the reload while two came


def test_a_worker_that_is_killed_leaves_its_counts_to_its_successor(tmp_path: Path) -> None:
    with serving(tmp_path, WEB_CONCURRENCY="1") as server:
        before = counted(server, "healthz")
        (killed,) = server.workers()
        server.get("/healthz")
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: server.workers() not in ([], [killed]))
        server.get("/healthz")
        assert counted(server, "healthz") == before + 2
        assert len(list(folder_of(server).glob("counter_*"))) == 1


def test_a_folder_that_is_gone_stops_no_worker(tmp_path: Path) -> None:
    with serving(tmp_path, WEB_CONCURRENCY="1") as server:
        shutil.rmtree(folder_of(server))
        (before,) = server.workers()
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: server.workers() not in ([], [before]) and len(server.workers()) == 1)
        assert server.get("/healthz").status == 200
        assert server.get("/metrics").status == 503
        assert [line["event"] for line in server.lines()].count(SAID) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs isn't allowed here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return ballast


def post(ext_id: str) -> bytes:
    return request("POST", PATH, json.dumps(facebook(ext_id=ext_id)).encode(), headers=as_user(7))


def on_disk(disk: Path) -> dict[str, str]:
    """The settings of a service whose database and temporary files are there, but not its log."""
    return {"TMPDIR": str(disk), "DATABASE_URL": f"sqlite:///{disk}/social.db"}


def test_a_disk_that_fills_up_resets_no_connection(tmp_path: Path, small_disk: Path) -> None:
    """New labels after that are written to files whose room was taken at the start."""
    with serving(tmp_path, WEB_CONCURRENCY="2", **on_disk(small_disk)) as server:
        before = server.workers()
        fill(small_disk)
        for n in range(20):
            assert server.get(f"/{n}").status == 404
            assert server.send(request("PUT", PATH)).status == 405
            assert server.get(PATH).status == 400
        assert server.get("/metrics").status == 200
        assert server.workers() == before


def test_a_worker_that_starts_on_a_full_disk_serves_without_metrics(
    tmp_path: Path, small_disk: Path
) -> None:
    with (
        ExitStack() as held,
        serving(tmp_path, WEB_CONCURRENCY="1", **on_disk(small_disk)) as server,
    ):
        assert server.send(post("a")).status == 201
        # Held open: else their room is free again when the old worker ends, which may be before
        # the new one asks for it.
        for file in folder_of(server).iterdir():
            held.enter_context(file.open("rb"))
            file.unlink()
        ballast = fill(small_disk)
        (before,) = server.workers()
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: server.workers() not in ([], [before]) and len(server.workers()) == 1)
        assert server.get("/healthz").status == 200
        assert server.get(PATH + "?user_id=7").status == 200
        ballast.unlink()
        assert server.send(post("b")).status == 201
        assert [line["event"] for line in server.lines()].count(SAID) == 1
