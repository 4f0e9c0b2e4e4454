"""PostgreSQL that crashes, and connections that it ends."""

import time

from tests.chaos.clients import Rules
from tests.chaos.feed import judge
from tests.chaos.load import CLIENTS, load
from tests.chaos.plan import Plan
from tests.chaos.postgres import Postgres
from tests.chaos.report import Report
from tests.chaos.stack import stack

BACK_WITHIN = 5.0


def immediate_restarts(plan: Plan, report: Report, server: Postgres) -> None:
    """`pg_ctl restart -m immediate`: nothing lost, no 500, back by itself."""
    times = 2 if plan.is_short else 10
    slowest = 0.0
    with server.database() as url, stack(url, defect=plan.of_service()) as service:
        if plan.defect == "synchronous_commit_off":
            server.configure(synchronous_commit="off", wal_writer_delay="10s")
        else:
            report.check(server.is_durable(), "PostgreSQL isn't durable: this would show nothing")
        before = [worker.pid for worker in service.workers()]
        with load(service.port, report, Rules(may_refuse=True)) as running:
            for _ in range(times):
                time.sleep(1)
                back = server.restart()
                seconds = running.recovered_after(back, within=BACK_WITHIN, report=report)
                slowest = max(slowest, seconds)
        report.figures |= {"restarts": times, "slowest recovery s": slowest}
        judge([running], url, report)
        _judge_untold(running.untold(), times * CLIENTS, report)
        report.check([w.pid for w in service.workers()] == before, "a worker was replaced")
        service.judge_log(report)
    if plan.defect == "synchronous_commit_off":
        server.configure()


def hang_ups(plan: Plan, report: Report, server: Postgres) -> None:
    """`pg_terminate_backend` on every connection, every half second."""
    times = 6 if plan.is_short else 60
    ended = 0
    with server.database() as url, stack(url, defect=plan.of_service()) as service:
        with load(service.port, report, Rules(may_refuse=True)) as running:
            for _ in range(times):
                time.sleep(0.5)
                ended += server.hang_up_on_all(url)
            slowest = running.recovered_after(time.monotonic(), within=BACK_WITHIN, report=report)
        report.figures |= {"times": times, "connections ended": ended, "recovery s": slowest}
        report.check(ended >= times, "hardly a connection was ended: this shows nothing", ended)
        judge([running], url, report)
        _judge_untold(running.untold(), ended, report)
        service.judge_log(report)


def _judge_untold(untold: int, at_most: int, report: Report) -> None:
    # A connection lost during the commit itself leaves nobody who knows.
    report.check(
        untold <= at_most, "made but denied, more often than connections were lost", untold
    )
