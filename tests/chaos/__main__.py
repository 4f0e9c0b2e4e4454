"""Run the scenarios; the exit code is 1 if the service broke its word in one of them."""

import argparse
import logging
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.chaos import (
    conflicts,
    crashes,
    disks,
    following,
    locks,
    outages,
    postgres,
    reloads,
    restarts,
    soak,
)
from tests.chaos.feed import MISSED, NO_EVENT
from tests.chaos.plan import Plan
from tests.chaos.postgres import Postgres
from tests.chaos.report import Report, tried

LOST = "acknowledged and lost"
HALF_DONE = "half done"
SLOW = "a 503 after more than 2 s"
UNANSWERED = "a request failed without an answer"


@dataclass(frozen=True)
class Scenario:
    run: Callable[..., None]
    needs: str
    """`server`: the PostgreSQL; `url`: a database in it; `file`: an empty URL; or nothing."""
    defects: dict[str, str]
    """What can be planted -> how the violation begins that it must show as."""
    is_in_short: bool = True


SCENARIOS = {
    "kill -9, PostgreSQL": Scenario(
        crashes.kills,
        "url",
        {
            "answers_before_commit": LOST,
            "ledger_counts_lost_as_done": LOST,
            "event_of_its_own": NO_EVENT,
        },
    ),
    "following the feed": Scenario(following.following, "server", {"number_at_insert": MISSED}),
    "kill -9, SQLite": Scenario(crashes.kills, "file", {"answers_before_commit": LOST}, False),
    "immediate restarts": Scenario(
        restarts.immediate_restarts,
        "server",
        {"synchronous_commit_off": LOST, "a_500_for_503": "a 500"},
    ),
    "terminated connections": Scenario(
        restarts.hang_ups, "server", {"no_retry_after": "a 503 without Retry-After"}
    ),
    "database stopped": Scenario(
        outages.stopped, "server", {"health_needs_the_database": "/healthz is 503"}, False
    ),
    "black hole": Scenario(outages.black_hole, "server", {"slow_refusals": SLOW}),
    "locked pair": Scenario(locks.locked_pair, "server", {"done_though_refused": HALF_DONE}),
    "BEGIN EXCLUSIVE": Scenario(locks.exclusive_sqlite, "", {"created_when_refused": LOST}),
    "conflicts": Scenario(
        conflicts.conflicts, "server", {"no_retries": "a 503 though nothing is wrong"}
    ),
    "disk full, PostgreSQL": Scenario(
        disks.full_postgresql, "server", {"created_when_refused": LOST}, False
    ),
    "disk full, SQLite": Scenario(disks.full_sqlite, "", {"created_when_refused": LOST}),
    "HUP": Scenario(reloads.hups, "url", {"slow_requests": UNANSWERED}),
    "TERM": Scenario(reloads.terms, "url", {"slow_requests": UNANSWERED}),
    "soak": Scenario(soak.soak, "url", {"leaks": "the memory grew"}, False),
}


class Runner:
    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._server: Postgres | None = None

    @property
    def server(self) -> Postgres:
        if self._server is None:
            self._server = self._stack.enter_context(postgres.running())
        return self._server

    def run(self, name: str, plan: Plan) -> bool:
        """Run one and print what it found; whether all is as it should be."""
        scenario = SCENARIOS[name]
        _, is_right = tried(
            name,
            partial(self._call, scenario, plan),
            planted=plan.defect,
            shows_as=scenario.defects.get(plan.defect, ""),
        )
        return is_right

    def _call(self, scenario: Scenario, plan: Plan, report: Report) -> None:
        arguments: list[Any] = [plan, report]
        if scenario.needs == "server":
            scenario.run(*arguments, self.server)
        elif scenario.needs == "url":
            with self.server.database() as url:
                scenario.run(*arguments, url)
        elif scenario.needs == "file":
            scenario.run(*arguments, "")
        else:
            scenario.run(*arguments)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--short", action="store_true", help="about a minute, for every change")
    parser.add_argument("--planted", action="store_true", help="with defects to be found")
    parser.add_argument("--soak", type=float, default=600, metavar="SECONDS")
    parser.add_argument("--list", action="store_true", help="name the scenarios and their defects")
    parser.add_argument("only", nargs="*", help="names of scenarios, or how they begin")
    wanted = parser.parse_args()
    names = [
        name
        for name, scenario in SCENARIOS.items()
        if (scenario.is_in_short or not wanted.short or wanted.only)
        and (not wanted.only or any(name.startswith(only) for only in wanted.only))
    ]
    if wanted.list:
        for name in names:
            print(f"{name}: {', '.join(SCENARIOS[name].defects)}")
        return 0
    plans = [
        (name, Plan(wanted.short or wanted.planted, defect, wanted.soak))
        for name in names
        for defect in (SCENARIOS[name].defects if wanted.planted else ("",))
    ]
    began = time.monotonic()
    # Migrations run in this process, and would say so between the results.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with ExitStack() as stack:
        runner = Runner(stack)
        results = [runner.run(name, plan) for name, plan in plans]
    print(
        f"{sum(results)} of {len(results)} as they should be, {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return 0 if plans and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
