"""`make run`: what it says is about this service."""

import socket
import subprocess

from tests.support.processes import ROOT


def test_a_port_that_is_taken_is_refused_before_anything_else_is_done() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        environ = {"PATH": "/usr/bin:/bin", "PORT": port}
        ran = subprocess.run(
            ["scripts/run.sh"], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
        )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"Something listens on port {port} already")
