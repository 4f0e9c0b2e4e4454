"""The files of deploy/ at work below a directory of their own: PostgreSQL, gunicorn, nginx.

They are taken as they stand; only paths and ports are changed on the way. What systemd would
do with the units is done here: their environment, the socket that outlives the service.
"""

import configparser
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.support.processes import ROOT, START, end, free_port, launch
from tests.support.receiver import SECRET as WEBHOOK_SECRET
from tests.support.tokens import SECRET
from tests.support.waiting import eventually

DEPLOY = ROOT / "deploy"
# Debian keeps nginx where only root's PATH looks.
NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin") or "nginx"
# The protocol of sd_listen_fds(3): file descriptor 3, and whom it is for.
ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execv(sys.argv[2], sys.argv[2:])
"""


def wait_until(done: Callable[[], bool], what: str, log: Path) -> None:
    """
    Raises:
        AssertionError: it didn't happen in time; with the log's last characters.
    """
    eventually(done, START, lambda: f"not in {START} s: {what}\n{log.read_text()[-4000:]}")


class Unit:
    """A systemd unit, read as far as the files of deploy/ need it."""

    def __init__(self, place: "Place", name: str) -> None:
        parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",))
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        parser.read_string(place.below((DEPLOY / name).read_text()))
        self.service = parser["Service"]

    def command(self) -> list[str]:
        return shlex.split(self.service["ExecStart"])

    def environ(self) -> dict[str, str]:
        """What systemd would give it, and nothing of ours."""
        environ = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        for assignment in shlex.split(self.service.get("Environment", "")):
            name, _, value = assignment.partition("=")
            environ[name] = value
        return environ | environment_file(Path(self.service["EnvironmentFile"]))


FILLED_IN = {
    "JWT_SECRET_KEY": SECRET,
    # Nobody listens there: what it has yet to get is in the metrics.
    "WEBHOOK_URLS": "http://127.0.0.1:9/",
    "WEBHOOK_SECRET": WEBHOOK_SECRET,
}


def environment_file(path: Path) -> dict[str, str]:
    """Read an environment file as systemd does."""
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {name: "".join(shlex.split(value)) for name, value in pairs}


class Place:
    """A directory that stands for the machine's root, with the files laid out in it."""

    def __init__(self, prefix: Path, *, port: int | None = None, tls: bool = False) -> None:
        self.prefix = prefix
        self.port = port or free_port()
        self.monitor_port = free_port()
        self.socket = prefix / "run/social.sock"
        self.tls_certificate = prefix / "etc/nginx/social/tls.crt"
        self.tls_key = prefix / "etc/nginx/social/tls.key"
        self.access_log = prefix / "var/log/nginx/access.log"
        self.error_log = prefix / "var/log/nginx/error.log"
        self.service_log = prefix / "var/log/social.log"
        # nginx' workers and PostgreSQL run as other users.
        prefix.chmod(0o755)
        for name in ("etc/social", "run/social", "var/log/nginx", "var/lib/nginx"):
            (prefix / name).mkdir(parents=True, exist_ok=True)
        shutil.copytree(DEPLOY / "nginx", prefix / "etc/nginx/social", dirs_exist_ok=True)
        shutil.copy(DEPLOY / "nginx.conf", prefix / "etc/nginx/nginx.conf")
        for file in (prefix / "etc/nginx").rglob("*.conf"):
            file.write_text(self._ports(self.below(file.read_text()), tls))

    def below(self, text: str) -> str:
        """The text with its absolute paths moved below the prefix."""
        text = text.replace("/opt/social/current/.venv/bin", str(Path(sys.executable).parent))
        text = text.replace("/opt/social/current", str(ROOT))
        return re.sub(r"(?<![\w.)])/(etc|run|var)/", rf"{self.prefix}/\1/", text)

    def _ports(self, text: str, tls: bool) -> str:
        text = text.replace("127.0.0.1:9180", f"127.0.0.1:{self.monitor_port}")
        text = re.sub(r"listen (80|443)\b", f"listen 127.0.0.1:{self.port}", text)
        text = re.sub(r"listen \[::\]:(80|443)\b", f"listen [::1]:{self.port}", text)
        return text.replace("social/plain.conf;", "social/tls.conf;") if tls else text


class Nginx:
    """nginx, not the machine's but one of our own."""

    def __init__(self, place: Place) -> None:
        self.place = place
        prefix = place.prefix
        self._command = [NGINX, "-p", f"{prefix}/", "-c", f"{prefix}/etc/nginx/nginx.conf"]
        self._command += ["-e", str(place.error_log), "-g", f"pid {prefix}/run/nginx.pid;"]

    def check(self) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([*self._command, "-t"], check=False, capture_output=True, text=True)

    def start(self) -> None:
        subprocess.run(self._command, check=True, start_new_session=True)

    def reload(self) -> None:
        """Returns when those of its processes that know the old files have ended."""
        pid = int((self.place.prefix / "run/nginx.pid").read_text())
        children = Path(f"/proc/{pid}/task/{pid}/children")
        old = set(children.read_text().split())
        os.kill(pid, signal.SIGHUP)
        wait_until(
            lambda: not old & set(children.read_text().split()),
            "nginx has read its files",
            self.place.error_log,
        )

    def stop(self) -> None:
        self.terminate(self.place.prefix)

    @staticmethod
    def terminate(prefix: Path) -> None:
        pid_file = prefix / "run/nginx.pid"
        os.kill(int(pid_file.read_text()), signal.SIGTERM)
        wait_until(lambda: not pid_file.exists(), "nginx stops", prefix / "var/log/nginx/error.log")


class Service:
    """gunicorn as social.service and social.socket start it."""

    def __init__(self, place: Place, settings: Mapping[str, str]) -> None:
        self.place = place
        # environment.example, filled in as an operator would.
        text = (DEPLOY / "environment.example").read_text()
        for name, value in (FILLED_IN | dict(settings)).items():
            line = f"{name}='{value}'".replace("\\", r"\\")
            text = re.sub(rf"(?m)^#?{name}=.*$", line, text)
            assert f"\n{name}=" in text, name
        (place.prefix / "etc/social/environment").write_text(text)
        self.unit = Unit(place, "social.service")
        self._listener: socket.socket | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def migrate(self) -> None:
        unit = Unit(self.place, "social-migrate.service")
        command = unit.command()
        with self.place.service_log.open("ab") as log:
            subprocess.run(
                command, cwd=ROOT, env=unit.environ(), check=True, stdout=log, stderr=log
            )

    def flask(self, *arguments: str) -> str:
        """Run a `flask` command in the service's environment; gives what it printed."""
        command = [str(Path(sys.executable).with_name("flask")), *arguments]
        environ = self.unit.environ()
        done = subprocess.run(command, cwd=ROOT, env=environ, check=True, stdout=subprocess.PIPE)
        return done.stdout.decode().strip()

    def mint(self, user_id: int) -> str:
        """A token, from the command an operator would use."""
        return self.flask("tokens", "mint", str(user_id))

    def listen(self) -> socket.socket:
        """The socket of social.socket: it is there before the service and outlives it."""
        if self._listener is None:
            self.place.socket.unlink(missing_ok=True)
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(self.place.socket))
            self.place.socket.chmod(0o666)
            self._listener.listen(2048)
        return self._listener

    def start(self) -> None:
        if self.process is not None:
            return
        fd = self.listen().fileno()
        command = [sys.executable, "-c", ACTIVATE, str(fd), *self.unit.command()]
        environ = self.unit.environ()
        self.process = launch(command, environ, self.place.service_log, descriptors=[fd])
        (self.place.prefix / "run/social.pid").write_text(str(self.process.pid))

    def is_ready(self) -> bool:
        """Whether the monitors find it ready, through nginx."""
        try:
            url = f"http://127.0.0.1:{self.place.monitor_port}/readyz"
            with urllib.request.urlopen(url, timeout=5):
                return True
        except OSError:
            return False

    def wait_until_ready(self) -> None:
        wait_until(self.is_ready, "the service is ready", self.place.service_log)

    def reload(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        if self.process is not None:
            end(self.process, patience=40)
            self.process = None

    def close(self) -> None:
        self.stop()
        if self._listener is not None:
            self._listener.close()
