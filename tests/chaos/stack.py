"""gunicorn with the repository's settings and several workers, on a free port of loopback."""

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from service.config import ROOT
from tests.chaos.report import Report
from tests.support.running import Answer, environment, receive, request
from tests.support.waiting import eventually

WORKERS = 3


@dataclass
class Stack:
    database_url: str
    directory: Path
    port: int
    process: "subprocess.Popen[bytes]" = field(repr=False)

    def workers(self) -> list[psutil.Process]:
        try:
            children = psutil.Process(self.process.pid).children()
            return [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
        except psutil.NoSuchProcess:
            return []

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill_a_worker(self) -> bool:
        """SIGKILL for one of them; whether there was one."""
        with suppress(IndexError, psutil.NoSuchProcess):
            random.choice(self.workers()).kill()
            return True
        return False

    def get(self, path: str) -> Answer:
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(request("GET", path, headers={"Connection": "close"}))
            return receive(connection)

    def metric(self, name: str) -> float:
        """A sample of `/metrics`, by its name with its labels."""
        for line in self.get("/metrics").body.decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def output(self) -> str:
        return (self.directory / "output").read_text()

    def memory(self) -> int:
        """Bytes that the workers alone hold, without what they share."""
        return sum(worker.memory_full_info().uss for worker in self.workers())

    def judge_log(self, report: Report) -> None:
        """No trace and no 500 in the log: what is for now isn't a bug."""
        for line in self.output().splitlines():
            if "Traceback" in line:
                report.violate("a trace in the log", line[:1500])


def migrate(url: str) -> None:
    # By a process of its own: it sets up logging, which is not ours to have.
    with tempfile.TemporaryDirectory(prefix="social-chaos-") as directory:
        subprocess.run(
            [sys.executable, "-m", "flask", "db", "upgrade"],
            cwd=ROOT,
            env=environment(Path(directory), DATABASE_URL=url),
            check=True,
            capture_output=True,
        )


@contextmanager
def stack(
    database_url: str = "", *options: str, defect: str = "", **settings: str
) -> Iterator[Stack]:
    """Run the service until the block is left.

    Args:
        database_url: a migrated, empty database; without it a SQLite file of its own.
        options: more of gunicorn's.
        defect: one that `wrapper` plants.
    """
    with tempfile.TemporaryDirectory(prefix="social-chaos-") as name:
        directory = Path(name)
        url = database_url or f"sqlite:///{directory}/social.db"
        settings = {"WEB_CONCURRENCY": str(WORKERS)} | settings
        if defect:
            settings["CHAOS_DEFECT"] = defect
        environ = environment(directory, DATABASE_URL=url, **settings)
        # Not what a test run measures: a killed worker would leave half a file.
        environ = {name: value for name, value in environ.items() if "COVERAGE" not in name}
        if not database_url:
            migrate(url)
        port = _free_port()
        application = "tests.chaos.wrapper:app" if "CHAOS_DEFECT" in settings else "wsgi:app"
        with (directory / "output").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *options, application],
                cwd=ROOT,
                env=environ | {"PORT": str(port)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        running = Stack(url, directory, port, process)
        try:
            _wait_until_it_serves(running)
            # The first worker answers while the others are still to come.
            eventually(lambda: len(running.workers()) == int(settings["WEB_CONCURRENCY"]))
            yield running
        finally:
            _stop(process)


def _free_port() -> int:
    # gunicorn binds it itself, as in production: when it stops, nobody listens any more.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_until_it_serves(running: Stack) -> None:
    end = time.monotonic() + 30
    while running.process.poll() is None and time.monotonic() < end:
        with suppress(OSError, AssertionError):
            if running.get("/healthz").status == 200 and len(running.workers()) >= 1:
                return
        time.sleep(0.1)
    raise AssertionError(f"it does not serve:\n{running.output()}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        for child in psutil.Process(process.pid).children(recursive=True):
            os.kill(child.pid, signal.SIGKILL)
        process.kill()
        process.wait()
