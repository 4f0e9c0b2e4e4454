"""What a start of the service costs, with two workers."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import load, machine
from benchmarks.compare import WARM_UP_SECONDS
from benchmarks.contestants import SERVICE, Running, running
from benchmarks.postgres import PER_USER, Server

WORKERS = 2
WANTED_CPU = 1.5
WANTED_MEMORY = 90


@dataclass(frozen=True)
class Start:
    """CPU in seconds, memory (PSS) in MiB; of each worker and of gunicorn's master.

    `fresh` is before the first request of the load, `memory` after some thousands.
    """

    cpu: list[float]
    master_cpu: float
    fresh: list[float]
    memory: list[float]
    master_memory: float

    def __str__(self) -> str:
        return (
            f"start: {spell(self.cpu, 2)} s of CPU a worker and {self.master_cpu:.2f} s in the "
            f"master; PSS a worker {spell(self.fresh, 1)} MiB at first, {spell(self.memory, 1)} "
            f"MiB after load, the master {self.master_memory:.1f} MiB"
        )


def spell(values: list[float], digits: int) -> str:
    return " and ".join(f"{value:.{digits}f}" for value in values)


def cost(
    server: Server, directory: Path, *, rounds: int, say: Callable[[object], None]
) -> list[Start]:
    """Start the service some times, on all cores as it is deployed."""
    server.create("cost")
    users = load.user_count(WARM_UP_SECONDS)
    tokens = directory / "tokens"
    load.write_tokens(tokens, users, users)
    starts = []
    for _ in range(rounds):
        server.fill("cost", users * PER_USER)
        with running(
            SERVICE,
            server.url("cost"),
            directory / "cost.log",
            cores=machine.CORES,
            workers=WORKERS,
        ) as at:
            settle(at)
            workers = at.workers()
            cpu = [machine.cpu_seconds(pid) for pid in workers]
            master_cpu = machine.cpu_seconds(at.pid)
            fresh = [machine.pss_mib(pid) for pid in workers]
            for operation in "create", "list":
                load.run(at, operation, tokens, WARM_UP_SECONDS, 16)
            start = Start(
                cpu=cpu,
                master_cpu=master_cpu,
                fresh=fresh,
                memory=[machine.pss_mib(pid) for pid in workers],
                master_memory=machine.pss_mib(at.pid),
            )
        say(start)
        starts.append(start)
    return starts


def settle(at: Running) -> None:
    """Wait until every worker is there and has stopped working."""
    last = -1.0
    while len(at.workers()) < WORKERS or machine.tree_cpu_seconds(at.pid) > last + 0.02:
        last = machine.tree_cpu_seconds(at.pid)
        time.sleep(0.5)
