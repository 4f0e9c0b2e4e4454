"""The service under its real server."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.databases import migrate
from tests.support.http import Answer, connect, exchange, request
from tests.support.processes import ROOT, end, free_port, launch, wait_until_it_serves
from tests.support.tokens import SECRET

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
class Server:
    directory: Path
    port: int
    environ: dict[str, str] = field(repr=False)
    process: "subprocess.Popen[bytes]" = field(repr=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        return connect(self.port)

    def send(self, request: bytes) -> Answer:
        """Send these bytes over a connection of their own."""
        return exchange(self.port, request)

    def get(self, path: str, **headers: str) -> Answer:
        return self.send(request("GET", path, headers=headers))

    def output(self) -> str:
        """All that was written to standard output and standard error so far."""
        return (self.directory / "output").read_text()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output().splitlines()]

    def workers(self) -> list[int]:
        """The processes of the workers that run."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        try:
            return [int(child) for child in path.read_text().split()]
        except FileNotFoundError:
            return []

    def stop(self) -> int:
        """Ask the master to finish and wait for its end; gives its exit code."""
        self.process.terminate()
        return self.process.wait(10)

    def mint(self, user_id: int, *options: str) -> str:
        """A token, from the command an operator would use."""
        command = [sys.executable, "-m", "flask", "tokens", "mint", str(user_id), *options]
        minted = subprocess.run(
            command, cwd=ROOT, env=self.environ, check=True, stdout=subprocess.PIPE, text=True
        )
        return minted.stdout.strip()


@contextmanager
def serving(
    directory: Path,
    *options: str,
    app: str = "wsgi:app",
    binds_itself: bool = False,
    is_migrated: bool = False,
    patience: float = 10,
    cwd: Path = ROOT,
    **settings: str,
) -> Iterator[Server]:
    """Run gunicorn with the repository's settings on a free port until the block is left.

    Args:
        options: more of gunicorn's.
        app: another WSGI application than the service; it must have a /healthz too.
        binds_itself: no socket is handed over: when it stops, nobody listens any more.
            Without it nobody else can take the port before it does.
        is_migrated: the database is left alone.
        patience: the seconds that it may take to end.
        cwd: another tree than this one.
    """
    environ = environment(directory, **settings)
    if not is_migrated:
        migrate(environ["DATABASE_URL"])
    handed = nullcontext() if binds_itself else socket.create_server(("127.0.0.1", 0), backlog=128)
    with handed as listener:
        port = listener.getsockname()[1] if listener else free_port()
        bind = {"BIND": f"fd://{listener.fileno()}"} if listener else {"PORT": str(port)}
        output = directory / "output"
        descriptors = [listener.fileno()] if listener else []
        command = [*GUNICORN, *options, app]
        process = launch(command, environ | bind, output, cwd=cwd, descriptors=descriptors)
        server = Server(directory, port, environ, process)
        try:
            wait_until_it_serves(process, lambda: server.get("/healthz").status == 200, output)
            yield server
        finally:
            end(process, patience)


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
