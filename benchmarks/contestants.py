"""Who takes part and how each is started."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import checks, machine
from benchmarks.postgres import ROOT, SECRET, service_environment
from tests.support.processes import end, free_port, launch, wait_until_it_serves

START_SECONDS = 60


@dataclass(frozen=True)
class Contestant:
    name: str
    title: str
    command: str
    """The port stands in it as {port}, or is taken from the environment."""
    checkout: Path = ROOT
    """Where it is started, with the programs of the `.venv` there."""
    writes_events: bool = False

    @property
    def is_this_service(self) -> bool:
        return self.command == SERVICE.command

    def program(self, name: str) -> Path:
        here = Path(sys.executable).parent
        return (here if self.checkout == ROOT else self.checkout / ".venv" / "bin") / name


SERVICE = Contestant(
    "service", "this service", "gunicorn -c gunicorn.conf.py wsgi:app", writes_events=True
)
# Another state of the same code: what a change costs shows in one run, not in two.
BESIDE = Contestant("beside", "the checkout beside", SERVICE.command)
GUNICORN = "gunicorn -c benchmarks/peers/gunicorn.conf.py"
CONTESTANTS = (
    SERVICE,
    BESIDE,
    Contestant(
        "fastapi",
        "FastAPI",
        "uvicorn --port {port} --no-access-log benchmarks.peers.fastapi_peer:app",
    ),
    Contestant("drf", "Django REST Framework", f"{GUNICORN} benchmarks.peers.drf.wsgi:application"),
    Contestant("floor", "the floor", f"{GUNICORN} benchmarks.peers.floor:application"),
    Contestant(
        "floor+event",
        "the floor with the event",
        f"{GUNICORN} benchmarks.peers.floor_with_event:application",
        writes_events=True,
    ),
)


@dataclass(frozen=True)
class Running:
    contestant: Contestant
    pid: int
    port: int

    def workers(self) -> list[int]:
        """The processes that serve: gunicorn's children, or uvicorn itself."""
        return machine.children(self.pid) or [self.pid]


@contextmanager
def running(
    contestant: Contestant, url: str, log: Path, *, cores: list[int], workers: int = 1
) -> Iterator[Running]:
    """Start a contestant on these cores, wait until it answers, stop it in the end.

    Raises: SystemExit, with the end of its log, when it does not come up or the body fails.
    """
    port = free_port()
    program, *arguments = contestant.command.format(port=port).split()
    environment = os.environ | {"DATABASE_URL": url, "JWT_SECRET_KEY": SECRET}
    if contestant.is_this_service:
        environment |= service_environment(url)
    environment |= {"WEB_CONCURRENCY": str(workers), "HOST": "127.0.0.1", "PORT": str(port)}
    taskset = ["taskset", "--cpu-list", ",".join(map(str, cores))]
    command = [*taskset, contestant.program(program), *arguments]
    log.unlink(missing_ok=True)
    process = launch(command, environment, log, cwd=contestant.checkout)
    try:
        wait_until_it_serves(process, lambda: checks.answers(port), log, START_SECONDS)
        yield Running(contestant, process.pid, port)
    except (SystemExit, AssertionError) as failure:
        what = failure if isinstance(failure, SystemExit) else f"{contestant.name} did not start."
        lines = log.read_text(errors="replace").splitlines()
        # The lines of requests that went well say nothing.
        end_of_log = "\n".join([line for line in lines if "INFO" not in line][-20:])
        raise SystemExit(f"{what}\nThe end of its log:\n{end_of_log}") from None
    finally:
        end(process)
