"""Ten minutes at four fifths of what it can do."""

import time

from tests.chaos.clients import Rules
from tests.chaos.feed import judge
from tests.chaos.load import CLIENTS, load
from tests.chaos.plan import Plan
from tests.chaos.report import Report
from tests.chaos.stack import stack

SHARE = 0.8
GROWTH = 0.05


def soak(plan: Plan, report: Report, url: str) -> None:
    """At 80 % of capacity: no 5xx, and the memory grows by less than 5 %."""
    seconds = 30 if plan.defect else plan.soak_seconds
    # A worker that is replaced after so many requests would hide a leak.
    with stack(url, "--max-requests", "0", defect=plan.of_service()) as service:
        flat_out = Report()
        with load(service.port, flat_out) as fastest:
            time.sleep(10)
        capacity = len(fastest.answers()) / 10
        rules = Rules(interval=CLIENTS / (capacity * SHARE))
        after = fastest.follower.after
        with load(service.port, report, rules, after=after) as running:
            time.sleep(seconds / 5)  # until caches and pools are as large as they get
            before = service.memory()
            time.sleep(seconds * 4 / 5)
            after = service.memory()
        growth = after / before - 1
        report.figures |= {
            "capacity a second": round(capacity),
            "memory MB": round(after / 2**20),
            "growth %": 100 * growth,
        }
        report.check(growth < GROWTH, "the memory grew", f"{100 * growth:.1f} %")
        judge([fastest, running], service.database_url, report)
        report.violations += flat_out.violations
        report.examples |= flat_out.examples
        service.judge_log(report)
