"""How an instance leaves while others stay: DRAIN_SECONDS, and what is queued when it stops."""

import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path

from tests.support.gunicorn import serving
from tests.support.http import receive, request
from tests.support.processes import ROOT
from tests.support.waiting import eventually

QUEUED = 20
PATIENCE = 30  # seconds


def test_while_it_drains_it_is_not_ready_and_serves_on(tmp_path: Path) -> None:
    with serving(tmp_path, WEB_CONCURRENCY="2", DRAIN_SECONDS="600", binds_itself=True) as server:
        server.process.terminate()
        eventually(lambda: server.get("/readyz").status == 503, PATIENCE)
        assert server.get("/readyz").header("Retry-After")
        assert {server.get("/healthz").status for _ in range(10)} == {200}
        server.process.terminate()  # a second one waits no longer
        assert server.process.wait(PATIENCE) == 0


def test_it_stops_when_it_has_drained(tmp_path: Path) -> None:
    with serving(tmp_path, WEB_CONCURRENCY="1", DRAIN_SECONDS="1", binds_itself=True) as server:
        begin = time.monotonic()
        server.process.terminate()
        assert server.process.wait(PATIENCE) == 0
        assert time.monotonic() - begin >= 1


def test_a_worker_that_is_being_forked_holds_no_stop_up(tmp_path: Path) -> None:
    """Before it has handlers of its own; gunicorn would wait for it for half a minute."""
    slow = tmp_path / "slow.conf.py"
    usual = (ROOT / "gunicorn.conf.py").read_text()
    waits = "import signal\ndef post_fork(_, worker): worker.age < 2 or signal.pause()\n"
    slow.write_text(f"{usual}\n{waits}")
    with serving(tmp_path, "-c", str(slow), WEB_CONCURRENCY="2") as server:
        eventually(lambda: len(server.workers()) == 2, PATIENCE)
        server.process.terminate()
        assert server.process.wait(15) == 0


def test_what_is_queued_when_it_stops_is_answered(tmp_path: Path) -> None:
    with (
        serving(tmp_path, WEB_CONCURRENCY="1", binds_itself=True) as server,
        ExitStack() as connections,
    ):
        (worker,) = server.workers()
        os.kill(worker, signal.SIGSTOP)
        eventually(lambda: _status(worker, "State").startswith("T"), PATIENCE)
        queued = [connections.enter_context(server.connect()) for _ in range(QUEUED)]
        for connection in queued:
            connection.sendall(request("GET", "/healthz"))
        server.process.terminate()
        eventually(lambda: _is_pending(worker, signal.SIGTERM), PATIENCE)
        os.kill(worker, signal.SIGCONT)
        for connection in queued:
            assert receive(connection).status == 200
            connection.close()
        assert server.process.wait(PATIENCE) == 0


def _is_pending(pid: int, number: int) -> bool:
    """Whether a stopped process has got a signal that it has yet to see."""
    return bool(int(_status(pid, "ShdPnd"), 16) >> (number - 1) & 1)


def _status(pid: int, name: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:"))
