"""An instance of the service, as gunicorn serves it on a machine of its own, and HAProxy."""

import csv
import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

from tests.cluster import pids
from tests.cluster.place import Place
from tests.support import gunicorn
from tests.support.processes import ROOT, launch, wait_until_it_serves
from tests.support.waiting import eventually

HAPROXY = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin") or "haproxy"
BACKENDS = ("ready", "alive")
WORKERS = 2
"""A machine's usual number is that of its processors; here all are on one."""
STOPS = 45
"""Seconds that it may take to finish what it has accepted."""
DRAINS = 3
"""Seconds that the balancer has to see that it is about to."""


class Instance:
    def __init__(self, place: Place, name: str) -> None:
        self.name = name
        self._directory = place.directory(name)
        self._directory.mkdir(exist_ok=True)
        self._pid_file = self._directory / "pid"
        self._output = self._directory / "output"
        self._address = f"{place.address(name)}:{place.port(8000)}"
        self.environ = gunicorn.environment(
            self._directory,
            DATABASE_URL=place.url(5000),
            DATABASE_READ_URL=place.url(5001, reads=True),
            HOST=place.address(name),
            PORT=str(place.port(8000)),
            WEB_CONCURRENCY=str(WORKERS),
            DRAIN_SECONDS=str(DRAINS),
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._read = 0

    def start(self, *, app: str = "wsgi:app", tree: Path = ROOT, **settings: str) -> None:
        """Serve; without another tree this release."""
        environ = self.environ | settings
        process = launch([*gunicorn.GUNICORN, app], environ, self._output, cwd=tree)
        self._process = process
        self._pid_file.write_text(f"{process.pid}\n")
        wait_until_it_serves(process, lambda: self.status("/healthz") == 200, self._output)

    def flask(self, *arguments: str, tree: Path = ROOT) -> None:
        command = [sys.executable, "-m", "flask", *arguments]
        with self._output.open("ab") as log:
            subprocess.run(command, cwd=tree, env=self.environ, check=True, stdout=log, stderr=log)

    def status(self, path: str) -> int:
        """
        Raises:
            OSError: nobody answers.
        """
        try:
            with urllib.request.urlopen(f"http://{self._address}{path}", timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refusal:
            return refusal.code

    def stop(self) -> None:
        pids.end(self._pid_file, "gunicorn", STOPS)
        if self._process is not None:
            self._process.wait()
            self._process = None

    def has_ended(self) -> bool:
        """Whether its master ended without being asked to."""
        return self._process is not None and self._process.poll() is not None

    def new_output(self) -> str:
        """What it wrote since this was asked last."""
        with self._output.open(errors="replace") as file:
            file.seek(self._read)
            text = file.read()
            self._read = file.tell()
            return text


class HAProxy:
    """The way to the database (`haproxy`), or the one to the instances (`balancer`)."""

    def __init__(self, place: Place, name: str) -> None:
        self._directory = place.directory(name)
        self._pid_file = self._directory / "pid"

    def start(self) -> None:
        environ = {"PATH": os.environ["PATH"]}
        command: list[str | Path] = [HAPROXY, "-db", "-f", self._directory / "haproxy.cfg"]
        process = launch(command, environ, self._directory / "log")
        self._pid_file.write_text(f"{process.pid}\n")

    def is_ready(self, instance: str) -> bool:
        """Whether the balancer takes it for ready."""
        return self._state(instance, "ready")["status"] == "UP"

    def wait_until_ready(self, instance: str) -> None:
        eventually(partial(self.is_ready, instance), 10)

    def drain(self, instance: str) -> None:
        """Give it nothing new, and wait until it is done with what it has."""
        for backend in BACKENDS:
            self._command(f"set server {backend}/{instance} state drain")
            eventually(partial(self._is_idle, instance, backend), 10)

    def _is_idle(self, instance: str, backend: str) -> bool:
        return self._state(instance, backend)["scur"] == "0"

    def undrain(self, instance: str) -> None:
        for backend in BACKENDS:
            self._command(f"set server {backend}/{instance} state ready")

    def _state(self, instance: str, backend: str) -> dict[str, str]:
        rows = csv.DictReader(self._command("show stat").removeprefix("# ").splitlines())
        of = (backend, instance)
        return next(row for row in rows if (row["pxname"], row["svname"]) == of)

    def _command(self, text: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._directory / "admin.sock"))
            connection.sendall(text.encode() + b"\n")
            return connection.makefile().read()

    def stop(self) -> None:
        pids.end(self._pid_file, "haproxy", 5)
