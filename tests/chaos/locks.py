"""The pair, or the whole file, held by somebody else's open transaction."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from tests.chaos.clients import Client, Rules
from tests.chaos.feed import judge
from tests.chaos.load import load
from tests.chaos.plan import Plan
from tests.chaos.postgres import Postgres
from tests.chaos.report import Report
from tests.chaos.stack import Stack, stack
from tests.support.databases import postgresql, sqlite
from tests.support.factories import PATH

TOLD_WITHIN = 3.0
MARGIN = 1.5
"""A write asked for so long before the lock goes away must have met it to its end, in seconds."""
OTHER = (
    "INSERT INTO social_association VALUES ('held', 'pair', 8, NULL, FALSE, NULL, now(), now(), 8)"
)


def locked_pair(plan: Plan, report: Report, server: Postgres) -> None:
    """PostgreSQL: an open transaction has inserted the pair; the other pairs go on."""
    with server.database() as url, stack(url, defect=plan.of_service()) as service:
        with load(service.port, report) as running, closing(postgresql(url)) as elsewhere:
            for _ in range(1 if plan.is_short else 4):
                elsewhere.execute(OTHER)
                with ThreadPoolExecutor(8) as pool:
                    statuses = Counter(pool.map(lambda _: _link(service, report), range(8)))
                elsewhere.rollback()
                report.check(set(statuses) == {503}, "the held pair wasn't refused", statuses)
                # Time for what should not happen: that a refused link is made after all.
                time.sleep(0.5)
                held = server.ask(
                    "SELECT count(*) FROM social_association WHERE provider = 'held'", url=url
                )
                report.check(held == [(0,)], "half done: refused, and there afterwards", held)
                server.ask("DELETE FROM social_association WHERE provider = 'held'", url=url)
        report.figures["refused"] = sum(statuses.values())
        report.check(_link(service, report) == 201, "not made when nobody held it any more")
        judge([running], url, report)
        service.judge_log(report)


def _link(service: Stack, report: Report) -> int:
    rules = Rules(may_refuse=True, refusal_seconds=TOLD_WITHIN)
    client = Client(service.port, rules, report)
    answer, _ = client.ask("POST", PATH, 7, {"user_id": 7, "provider": "held", "ext_id": "pair"})
    client.hang_up()
    return answer.status


def exclusive_sqlite(plan: Plan, report: Report) -> None:
    """SQLite: another process holds the file with `BEGIN EXCLUSIVE`; reads go on."""
    rules = Rules(may_refuse=True, refusal_seconds=TOLD_WITHIN)
    held: list[tuple[float, float]] = []
    with stack(defect=plan.of_service()) as service:
        url = service.database_url
        with load(service.port, report, rules) as running, closing(sqlite(url)) as elsewhere:
            elsewhere.execute("PRAGMA busy_timeout = 5000")
            for _ in range(1 if plan.is_short else 3):
                time.sleep(0.5)
                elsewhere.execute("BEGIN EXCLUSIVE")
                began = time.monotonic()
                time.sleep(0.1)
                reads = [_list(service, report) for _ in range(50)]
                time.sleep(max(0, began + (2.5 if plan.is_short else 4) - time.monotonic()))
                held.append((began, time.monotonic()))
                elsewhere.execute("ROLLBACK")
                report.check(set(reads) == {200}, "reads don't go on", Counter(reads))
                running.recovered_after(held[-1][1], within=5, report=report)
        judge([running], url, report)
        report.check(not running.untold(), "half done: refused, and there", running.untold())
        meanwhile = [
            answer
            for answer in running.answers()
            for begin, end in held
            if begin < answer.at < end - MARGIN and answer.method != "GET"
        ]
        report.figures["writes refused meanwhile"] = len(meanwhile)
        report.check(bool(meanwhile), "no write met the lock: this shows nothing")
        wrong = [answer for answer in meanwhile if answer.status != 503]
        report.check(not wrong, "a write met the lock and was not refused", wrong[:1])
        service.judge_log(report)


def _list(service: Stack, report: Report) -> int:
    client = Client(service.port, Rules(may_refuse=True), report)
    answer, _ = client.ask("GET", f"{PATH}?user_id=7", 7)
    client.hang_up()
    return answer.status
