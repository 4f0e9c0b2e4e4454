"""The feed under fire: sixteen writers in several processes, and one who follows."""

import random
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from tests.chaos.clients import Rules
from tests.chaos.feed import judge
from tests.chaos.load import Load, load
from tests.chaos.plan import Plan
from tests.chaos.postgres import Postgres
from tests.chaos.report import Report
from tests.chaos.restarts import BACK_WITHIN
from tests.chaos.stack import stack
from tests.support.databases import postgresql
from tests.support.waiting import becomes

WRITERS = 16
SOON = 10.0  # seconds, also on a busy machine
LATE = """
INSERT INTO social_event (type, occurred_at, user_id, provider, ext_id)
VALUES ('association.created', now(), 9, 'elsewhere', %s)
"""


def following(plan: Plan, report: Report, server: Postgres) -> None:
    """Beside an open transaction, kills of workers, a crash, and from a restored dump."""
    times = 3 if plan.is_short else 30
    rules = Rules(may_lose_connections=True, may_refuse=True)
    with server.database() as url:
        with stack(url, defect=plan.of_service()) as service:
            with load(service.port, report, rules, clients=WRITERS) as running:
                with _open_transaction(url, "late", running, report):
                    _goes_on(running, report)
                    for _ in range(times):
                        time.sleep(random.uniform(0.05, 0.5))
                        service.kill_a_worker()
                    _goes_on(running, report)
                back = server.restart()
                running.recovered_after(back, within=BACK_WITHIN, report=report)
                _goes_on(running, report)
            service.judge_log(report)
        time.sleep(0.5)  # a statement whose worker was killed comes to rest
        judge([running], url, report)
        with closing(postgresql(url)) as elsewhere:
            elsewhere.execute(LATE, ["not read before the dump"])
            elsewhere.commit()
        with server.copy(url) as restored:
            with stack(restored, defect=plan.of_service()) as service:
                after = running.follower.after
                with load(service.port, report, rules, clients=WRITERS, after=after) as later:
                    time.sleep(0.5)
                    _goes_on(later, report)
                service.judge_log(report)
            judge([running, later], restored, report)
            first = later.follower.seen[:1]
            report.check(
                [(event.id, event.ext_id) for event in first]
                == [(after + 1, "not read before the dump")],
                "a restored dump does not go on where the feed was",
                first,
            )


@contextmanager
def _open_transaction(url: str, ext_id: str, running: Load, report: Report) -> Iterator[None]:
    """It has written an event, which comes when it is committed: not sooner, and not never."""

    def is_seen() -> bool:
        return any(event.ext_id == ext_id for event in running.follower.seen)

    with closing(postgresql(url)) as elsewhere:
        elsewhere.execute(LATE, [ext_id])
        yield
        report.check(not is_seen(), "an event that is not committed was seen")
        elsewhere.commit()
        report.check(becomes(is_seen, SOON), "a late event did not come")


def _goes_on(running: Load, report: Report) -> None:
    before = len(running.follower.seen)
    goes_on = becomes(lambda: len(running.follower.seen) >= before + 20, SOON)
    report.check(goes_on, "the follower gets nothing new", before)
