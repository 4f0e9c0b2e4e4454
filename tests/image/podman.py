"""podman, and the image that it builds."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.http import exchange, request
from tests.support.processes import ROOT, START, free_port
from tests.support.waiting import eventually

DEBIAN = "localhost/debian-python"
IMAGE = "localhost/social"
# Of the places that podman would let a container write to, /dev/shm alone, and as small as Docker
# and Kubernetes have it.
READ_ONLY = ["--read-only", "--read-only-tmpfs=false", "--tmpfs=/dev/shm:size=64m"]
# The strictest that the image promises to run under.
STRICT = [*READ_ONLY, "--cap-drop=all", "--security-opt=no-new-privileges"]
# Where a machine may not raise its limits, podman's own are refused.
LIMITS = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]


class Podman:
    """podman with a storage of its own: nothing of the machine's is touched."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.base = os.environ.get("BASE") or DEBIAN
        self._command = ["podman", f"--root={place}/storage", f"--runroot={place}/run"]
        # Without systemd nobody runs health checks at their times, which is an error in the log.
        self._command += ["--runtime=runc", "--log-level=fatal"]

    def __call__(self, *arguments: str, check: bool = True) -> str:
        """Run a command; gives what it printed."""
        command = [*self._command, *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return (done.stdout + done.stderr).strip()

    def build(self, context: Path) -> None:
        """Build the image from a copy of the tree."""
        # OCI's own format has no health check.
        options = ["--isolation=chroot", "--network=host", "--format=docker", "--layers=false"]
        if self.base == DEBIAN:
            self.make_base(DEBIAN, "python3", "python3-venv", "dash", "coreutils")
            options += self._wheels(context)
        self("build", *options, f"--build-arg=BASE={self.base}", f"--tag={IMAGE}", str(context))

    def make_base(self, name: str, *packages: str, command: str = "[]") -> None:
        """An image of these packages, which are installed here; the command is JSON."""
        tar = self.place / "base.tar"
        with tar.open("wb") as file:
            subprocess.run([ROOT / "scripts/debian-base.sh", *packages], check=True, stdout=file)
        self("import", f"--change=CMD {command}", str(tar), name)

    def _wheels(self, context: Path) -> list[str]:
        """What is to be installed, fetched out here, where pip is set up; gives options.

        It gets into the build as an index of one's own would.
        """
        wheels = self.place / "wheels"
        # For the Python of the base, which need not be ours.
        command = [sys.executable, "-m", "pip", "--python=/usr/bin/python3", "download", "--quiet"]
        command += [f"--dest={wheels}", f"--constraint={context}/constraints.txt"]
        command += [str(context), "setuptools>=80"]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        configuration = self.place / "pip.conf"
        configuration.write_text("[global]\nno-index = true\nfind-links = /wheels\n")
        return [f"--secret=id=pip,src={configuration}", f"--volume={wheels}:/wheels:ro"]

    @contextmanager
    def running(
        self, *command: str, options: tuple[str, ...] = (), **settings: str
    ) -> Iterator["Container"]:
        """A container that serves, as strict as may be, until the block is left."""
        port = free_port()
        environment = [f"--env={name}={value}" for name, value in settings.items()]
        # The machine's network, of which the world need not see it.
        place = ["--network=host", "--env=HOST=127.0.0.1", f"--env=PORT={port}"]
        arguments = [*STRICT, *LIMITS, *place]
        name = self("run", "--detach", *arguments, *environment, *options, IMAGE, *command)
        container = Container(self, name, port)
        try:
            eventually(container.serves, 4 * START, container.logs)
            yield container
        finally:
            self("rm", "--force", "--time=0", name)

    def run(self, *command: str, options: tuple[str, ...] = ()) -> str:
        """Run a command in a container of its own."""
        return self("run", "--rm", *STRICT, *LIMITS, "--network=host", *options, IMAGE, *command)

    def clear(self) -> None:
        self("rm", "--all", "--force", "--time=0", check=False)
        with suppress(FileNotFoundError):
            subprocess.run(["umount", f"{self.place}/storage/overlay"], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.place, ignore_errors=True)


class Container:
    """The service in a container."""

    def __init__(self, podman: Podman, name: str, port: int) -> None:
        self.podman = podman
        self.name = name
        self.port = port

    def serves(self) -> bool:
        with suppress(OSError, AssertionError):
            return exchange(self.port, request("GET", "/healthz")).status == 200
        return False

    def logs(self) -> str:
        return self.podman("logs", self.name)

    def run(self, *command: str) -> str:
        """Run a command inside; gives what it printed, whatever came of it."""
        return self.podman("exec", self.name, *command, check=False)

    def exit_code(self) -> int:
        return int(self.podman("wait", self.name))
