"""The service under its real server, and requests to it byte by byte."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.config import ROOT
from tests.support.databases import migrate
from tests.support.factories import SECRET

GUNICORN = [sys.executable, "-m", "gunicorn"]


def environment(directory: Path, **settings: str) -> dict[str, str]:
    """The whole environment of a server: nothing of a developer's own gets in.

    HOME and the place of temporary files are empty folders below the directory.
    """
    for name in ("home", "tmp"):
        (directory / name).mkdir(exist_ok=True)
    # But for coverage's, which measures the server's processes too where it is so configured.
    measuring = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    return {
        **measuring,
        "PATH": os.environ["PATH"],
        "HOME": str(directory / "home"),
        "TMPDIR": str(directory / "tmp"),
        "DATABASE_URL": f"sqlite:///{directory}/social.db",
        "JWT_SECRET_KEY": SECRET,
        "PYTHONDONTWRITEBYTECODE": "1",
    } | settings


@dataclass
class Answer:
    """An HTTP response as it came over the line."""

    status: int
    headers: dict[str, str]
    body: bytes
    rest: bytes = b""
    """What came after it."""

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    directory: Path
    port: int
    process: "subprocess.Popen[bytes]" = field(repr=False)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def send(self, request: bytes) -> Answer:
        """Send these bytes over a connection of their own."""
        with self.connect() as connection:
            connection.sendall(request)
            return receive(connection)

    def get(self, path: str, **headers: str) -> Answer:
        return self.send(request("GET", path, headers=headers))

    def output(self) -> str:
        """All that was written to standard output and standard error so far."""
        return (self.directory / "output").read_text()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output().splitlines()]

    def workers(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(child) for child in path.read_text().split()]

    def stop(self) -> int:
        """Tell the master to finish and wait for its end; gives its exit code."""
        self.process.terminate()
        return self.process.wait(10)


def request(method: str, path: str, body: bytes = b"", *, headers: dict[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def receive(connection: socket.socket) -> Answer:
    """Read one response."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, rest = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    length = int(headers.get("content-length", 0))
    while len(rest) < length:
        rest += _more(connection)
    return Answer(int(status.split()[1]), headers, rest[:length], rest[length:])


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    assert data, "the connection was closed before the response was whole"
    return data


@contextmanager
def serving(directory: Path, *, app: str = "wsgi:app", **settings: str) -> Iterator[Server]:
    """Run gunicorn with the repository's settings on a free port until the block is left.

    `app` names another WSGI application than the service; it must have a /healthz too.
    """
    environ = environment(directory, **settings)
    migrate(environ["DATABASE_URL"])
    # The socket is handed over, so that nobody can take the port in between.
    with (
        socket.create_server(("127.0.0.1", 0), backlog=128) as listener,
        (directory / "output").open("wb") as output,
    ):
        number = listener.fileno()
        process = subprocess.Popen(
            [*GUNICORN, app],
            cwd=ROOT,
            env=environ | {"BIND": f"fd://{number}"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[number],
            start_new_session=True,
        )
        server = Server(directory, listener.getsockname()[1], process)
        try:
            _wait_until_it_serves(server)
            yield server
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # its workers too
                process.wait()


def _wait_until_it_serves(server: Server) -> None:
    end = time.monotonic() + 30
    while server.process.poll() is None and time.monotonic() < end:
        with suppress(OSError, AssertionError):
            if server.get("/healthz").status == 200:
                return
    raise AssertionError(f"it does not serve:\n{server.output()}")


def refused_start(directory: Path, **settings: str) -> "subprocess.Popen[str]":
    """Start gunicorn with settings that it should refuse."""
    return subprocess.Popen(
        [*GUNICORN, "wsgi:app"],
        cwd=ROOT,
        env=environment(directory, **settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
