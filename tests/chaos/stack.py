"""gunicorn with the repository's settings and several workers, and what can be done to it."""

import random
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.chaos.report import Report
from tests.support import gunicorn
from tests.support.http import Answer
from tests.support.waiting import eventually

WORKERS = 3


@dataclass
class Stack:
    database_url: str
    server: gunicorn.Server

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        return self.server.process

    def workers(self) -> list[psutil.Process]:
        found = []
        for pid in self.server.workers():
            with suppress(psutil.NoSuchProcess):
                worker = psutil.Process(pid)
                if worker.status() != psutil.STATUS_ZOMBIE:
                    found.append(worker)
        return found

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def kill_a_worker(self) -> bool:
        """SIGKILL for one of them; whether there was one."""
        with suppress(IndexError, psutil.NoSuchProcess):
            random.choice(self.workers()).kill()
            return True
        return False

    def get(self, path: str) -> Answer:
        return self.server.get(path, Connection="close")

    def metric(self, name: str) -> float:
        """A sample of `/metrics`, by its name with its labels."""
        for line in self.get("/metrics").body.decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def memory(self) -> int:
        """Bytes that the workers alone hold, without what they share."""
        return sum(worker.memory_full_info().uss for worker in self.workers())

    def judge_log(self, report: Report) -> None:
        """No trace and no 500 in the log: what is for now isn't a bug."""
        for line in self.server.output().splitlines():
            if "Traceback" in line:
                report.violate("a trace in the log", line[:1500])


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
        environ: dict[str, Any] = {"WEB_CONCURRENCY": str(WORKERS), **settings}
        if defect:
            environ["CHAOS_DEFECT"] = defect
        url = database_url or f"sqlite:///{name}/social.db"
        with gunicorn.serving(
            Path(name),
            *options,
            app="tests.chaos.wrapper:app" if "CHAOS_DEFECT" in environ else "wsgi:app",
            binds_itself=True,  # as in production
            patience=15,
            DATABASE_URL=url,
            **environ,
        ) as server:
            running = Stack(url, server)
            # The first worker answers while the others are still to come.
            eventually(lambda: len(running.workers()) == int(environ["WEB_CONCURRENCY"]))
            yield running
