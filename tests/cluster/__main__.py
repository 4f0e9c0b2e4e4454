"""Run the scenarios; the exit code is 1 if something was lost or away for too long."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from tests.chaos.load import Load
from tests.chaos.report import Report, tried
from tests.cluster import faults, figures, left_running
from tests.cluster.cluster import Cluster, running
from tests.cluster.defects import planted
from tests.cluster.watch import watching

LOST = "acknowledged"
"""How each violation begins that says that something else is stored than was acknowledged."""
UPGRADE = "upgrade from 1.0.0"
"""The first, since the cluster begins with that release then."""
KILLS = 10


@dataclass(frozen=True)
class Scenario:
    run: Callable[[Cluster, faults.Watching], None]
    defects: dict[str, str] = field(default_factory=dict)
    """What can be planted -> how the violation begins that it must show as."""
    is_in_short: bool = True


SCENARIOS = {
    UPGRADE: Scenario(faults.upgrade),
    "a later schema, instances replaced": Scenario(
        faults.rolling_restart, {"readyz_by_equality": faults.NOT_READY}
    ),
    "primary killed": Scenario(
        faults.primary_killed, {"asynchronous_replication": LOST, "no_fence": LOST}
    ),
    "primary frozen": Scenario(faults.primary_frozen),
    "switchover, twice": Scenario(faults.switchovers),
    "replica killed": Scenario(faults.replica_killed),
    "etcd away for 20 s": Scenario(faults.etcd_away),
    "both replicas frozen": Scenario(faults.replicas_frozen, is_in_short=False),
}


class Runner:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._loads: list[Load] = []
        self.reports: list[tuple[str, Report]] = []

    def run(self, name: str, defect: str = "") -> bool:
        """Run one and print what it found; whether all is as it should be."""
        scenario = SCENARIOS[name]

        def run(report: Report) -> None:
            with planted(self._cluster, defect):
                scenario.run(self._cluster, partial(watching, self._cluster, report, self._loads))

        report, is_right = tried(
            name, run, planted=defect, shows_as=scenario.defects.get(defect, "")
        )
        if report is not None:
            self.reports.append((name, report))
        return is_right


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--planted", action="store_true", help="with defects to be found")
    parser.add_argument(
        "--long", action="store_true", help=f"{KILLS} kills of the primary, and all"
    )
    parser.add_argument("--write", action="store_true", help="the figures into docs/cluster.md")
    parser.add_argument("only", nargs="*", help="names of scenarios, or how they begin; up; down")
    wanted = parser.parse_args()
    if wanted.only in (["up"], ["down"]):
        left_running.COMMANDS[wanted.only[0]]()
        return 0
    names = [
        name
        for name in SCENARIOS
        if (SCENARIOS[name].is_in_short or wanted.long or wanted.only)
        and (not wanted.only or any(name.startswith(only) for only in wanted.only))
    ]
    if wanted.planted:
        plans = [(name, defect) for name in names for defect in SCENARIOS[name].defects]
    else:
        times = {"primary killed": KILLS} if wanted.long else {}
        plans = [(name, "") for name in names for _ in range(times.get(name, 1))]
    began, load_before = time.monotonic(), os.getloadavg()[0]
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with running(old=(UPGRADE, "") in plans) as cluster:
        up = time.monotonic() - began
        print(f"three nodes and two instances are up: {up:.0f} s", flush=True)
        runner = Runner(cluster)
        results = [runner.run(*plan) for plan in plans]
    seconds = time.monotonic() - began
    print(f"{sum(results)} of {len(results)} as they should be, {seconds:.0f} s", flush=True)
    if not wanted.planted:
        table = figures.table(runner.reports, up, load_before)
        print(table)
        if wanted.write:
            figures.write(table)
    return 0 if plans and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
