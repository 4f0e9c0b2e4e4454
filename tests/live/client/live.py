"""The service as it really runs: migrated, under gunicorn, on a free port of loopback."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.factories import SECRET

ROOT = Path(__file__).parents[3]


def command(name: str) -> str:
    """The path of a command of the environment that runs this."""
    return str(Path(sys.executable).with_name(name))


@dataclass(frozen=True)
class Server:
    url: str
    database: Path
    environ: dict[str, str]

    def mint(self, user_id: int, *options: str) -> str:
        """A token, from the command an operator would use."""
        minted = subprocess.run(
            [command("flask"), "tokens", "mint", str(user_id), *options],
            cwd=ROOT,
            env=self.environ,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return minted.stdout.strip()


@contextmanager
def running(directory: Path, **settings: str) -> Iterator[Server]:
    """Run the service on an empty SQLite database in `directory` until the block is left.

    Nothing but `settings` is handed on from the environment, so that a developer's own
    settings change no result.
    """
    database = directory / "social.db"
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "TMPDIR": str(directory),
        "DATABASE_URL": f"sqlite:///{database}",
        "JWT_SECRET_KEY": SECRET,
    } | settings
    subprocess.run([command("flask"), "db", "upgrade"], cwd=ROOT, env=environ, check=True)
    log = directory / "gunicorn.log"
    # The socket is handed over, so that nobody can take the port in between.
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("wb") as output:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        process = subprocess.Popen(
            [command("gunicorn"), "--bind", f"fd://{listener.fileno()}", "wsgi:app"],
            cwd=ROOT,
            env=environ,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
        )
        try:
            wait_until_ready(url, process, log)
            yield Server(url, database, environ)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """
    :raises RuntimeError: with the server's log, when it stops or isn't ready in 30 seconds
    """
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"gunicorn did not become ready:\n{log.read_text()}")
