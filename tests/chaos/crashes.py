"""Workers killed without warning."""

import random
import time

from tests.chaos.clients import Rules
from tests.chaos.feed import judge
from tests.chaos.load import load
from tests.chaos.plan import Plan
from tests.chaos.report import Report
from tests.chaos.stack import WORKERS, stack
from tests.support.waiting import becomes


def kills(plan: Plan, report: Report, url: str) -> None:
    """`kill -9` of random workers: nothing acknowledged is lost, and a retry ends well."""
    wanted = 8 if plan.is_short else 100
    rules = Rules(
        may_lose_connections=True,
        counts_lost_as_done=plan.defect == "ledger_counts_lost_as_done",
    )
    done = 0
    with stack(url, defect=plan.of_service()) as service:
        with load(service.port, report, rules) as running:
            end = time.monotonic() + 3 * wanted
            while done < wanted and time.monotonic() < end:
                time.sleep(random.uniform(0.05, 0.5))
                done += service.kill_a_worker()
            running.recovered_after(time.monotonic(), within=10, report=report)
        report.check(done >= wanted, "fewer workers killed than wanted", done)
        report.figures["kills"] = done
        # A statement that its worker didn't live to see the end of comes to rest.
        time.sleep(0.5)
        judge([running], service.database_url, report)
        are_back = becomes(lambda: len(service.workers()) == WORKERS, 5)
        report.check(are_back, "not all workers are back after 5 s")
        service.judge_log(report)
