"""HUP and TERM under load."""

import signal
import time

from tests.chaos.clients import Rules
from tests.chaos.feed import judge
from tests.chaos.load import Load, load
from tests.chaos.plan import Plan
from tests.chaos.report import Report
from tests.chaos.stack import stack
from tests.support.waiting import becomes

NO_TIME = ("--graceful-timeout", "0")
"""With slow requests: workers that don't finish what they accepted."""


def _service_options(plan: Plan) -> tuple[str, ...]:
    return NO_TIME if plan.defect == "slow_requests" else ()


def hups(plan: Plan, report: Report, url: str) -> None:
    """HUP again and again: no request fails."""
    times = 3 if plan.is_short else 20
    with stack(url, *_service_options(plan), defect=plan.of_service()) as service:
        before = {worker.pid for worker in service.workers()}
        with load(service.port, report) as running:
            for _ in range(times):
                time.sleep(1)
                service.signal(signal.SIGHUP)
            are_gone = becomes(lambda: not before & {w.pid for w in service.workers()}, 35)
            report.check(are_gone, "an old worker is still there")
        judge([running], service.database_url, report)
        report.figures["HUPs"] = times
        service.judge_log(report)


def terms(plan: Plan, report: Report, url: str) -> None:
    """TERM: what was accepted is finished; then nobody is let in any more."""
    loads: list[Load] = []
    for _ in range(1 if plan.is_short else 5):
        with stack(url, *_service_options(plan), defect=plan.of_service()) as service:
            with load(service.port, report, Rules(may_find_it_shut=True)) as running:
                time.sleep(1)
                began = time.monotonic()
                service.signal(signal.SIGTERM)
                code = service.process.wait(40)
                report.raise_figure("slowest end s", time.monotonic() - began)
            report.check(code == 0, "gunicorn's exit code", code)
            report.add(
                TERMs=1,
                clients_that_found_it_shut=sum(client.is_shut for client in running.clients),
            )
            loads.append(running)
            service.judge_log(report)
    judge(loads, url, report)
