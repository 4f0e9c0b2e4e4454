"""Run the scenarios; the exit code is 1 if something was lost or away for too long."""

import argparse
import logging
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial

from tests.chaos.load import Load
from tests.chaos.report import Report
from tests.cluster import faults, left_running
from tests.cluster.cluster import Cluster, running
from tests.cluster.watch import watching

SCENARIOS: dict[str, Callable[[Cluster, faults.Watching], None]] = {
    "primary killed": faults.primary_killed,
    "primary frozen": faults.primary_frozen,
    "switchover, twice": faults.switchovers,
    "replica killed": faults.replica_killed,
    "etcd away for 20 s": faults.etcd_away,
}


def run(name: str, cluster: Cluster, loads: list[Load]) -> bool:
    """Run one and print what it found; whether all is as it should be."""
    report = Report()
    began = time.monotonic()
    try:
        SCENARIOS[name](cluster, partial(watching, cluster, report, loads))
    except Exception as error:  # the others still have something to say
        traceback.print_exc()
        report.violate("the scenario broke off", repr(error))
    for line in report.lines(name, time.monotonic() - began, "", False):
        print(line, flush=True)
    return not report.violations


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("only", nargs="*", help="names of scenarios, or how they begin; up; down")
    wanted = parser.parse_args()
    if wanted.only in (["up"], ["down"]):
        left_running.COMMANDS[wanted.only[0]]()
        return 0
    names = [
        name
        for name in SCENARIOS
        if not wanted.only or any(name.startswith(only) for only in wanted.only)
    ]
    began = time.monotonic()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with running() as cluster:
        print(f"three nodes, two instances: {time.monotonic() - began:.0f} s", flush=True)
        loads: list[Load] = []
        results = [run(name, cluster, loads) for name in names]
    print(
        f"{sum(results)} of {len(results)} as they should be, {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return 0 if names and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
