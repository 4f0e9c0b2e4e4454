"""Servers as processes: started, waited for, ended. Nothing here is the service's own."""

import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
START = 30
"""Seconds that a server may take to start."""


# Below those that outgoing connections are given: on a busy machine one took the port before its
# server did.
PORTS = range(20_000, 32_000)
_given: set[int] = set()


def free_port() -> int:
    """Never the same one twice."""
    while True:
        # Not by `random`: Hypothesis begins it alike in every process.
        port = secrets.choice(PORTS)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            if port not in _given:
                _given.add(port)
                return port


def launch(
    command: Sequence[str | Path],
    environ: Mapping[str, str],
    output: Path,
    *,
    cwd: Path = ROOT,
    descriptors: Sequence[int] = (),
) -> "subprocess.Popen[bytes]":
    """Start a server, in a session of its own; its output is appended to a file."""
    with output.open("ab") as log:
        return subprocess.Popen(
            command,
            cwd=cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=descriptors,
            start_new_session=True,
        )


def unmeasured(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process whose coverage is not measured.

    What a signal raises may interrupt coverage where it has just taken its own lock, for which it
    would wait for ever then.
    """
    return {name: value for name, value in environ.items() if not name.startswith("COVERAGE_")}


def end(process: "subprocess.Popen[bytes]", patience: float = 10) -> None:
    """SIGTERM; and SIGKILL, for its workers too, if that takes longer than so many seconds."""
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until_it_serves(
    process: "subprocess.Popen[bytes]",
    serves: Callable[[], bool],
    output: Path,
    seconds: float = START,
) -> None:
    """
    Raises:
        AssertionError: it ended, or did not serve in time; with the end of its output.
    """

    def looks() -> bool:
        with suppress(OSError, AssertionError):
            return process.poll() is not None or serves()
        return False

    def why() -> str:
        return f"it does not serve:\n{output.read_text(errors='replace')[-4000:]}"

    eventually(looks, seconds, why)
    assert process.poll() is None, why()
