"""Serialization failures and deadlocks, raised by PostgreSQL itself."""

import time
from collections import Counter

from tests.chaos.clients import Client, Rules
from tests.chaos.feed import judge
from tests.chaos.load import load
from tests.chaos.plan import Plan
from tests.chaos.postgres import Postgres
from tests.chaos.report import Report
from tests.chaos.stack import stack
from tests.support.factories import PATH

# A sequence isn't rolled back: it counts the attempts that the failure undoes.
TRIGGER = """
CREATE SEQUENCE attempts;
CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.ext_id LIKE 'always%%' THEN
        PERFORM nextval('attempts');
        RAISE EXCEPTION 'a conflict' USING ERRCODE = '40P01';
    ELSIF NEW.provider = 'chaos' AND nextval('attempts') %% 3 <> 0 THEN
        RAISE EXCEPTION 'a conflict' USING ERRCODE =
            CASE WHEN random() < 0.5 THEN '40001' ELSE '40P01' END;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER conflict BEFORE INSERT OR UPDATE ON social_association
    FOR EACH ROW EXECUTE FUNCTION conflict();
""".replace("%%", "%")


def conflicts(plan: Plan, report: Report, server: Postgres) -> None:
    """Two of three writes fail with 40001 or 40P01: retried; for ever: 503 after three retries."""
    with server.database() as url, stack(url, defect=plan.of_service()) as service:
        server.ask(TRIGGER, url=url)
        # Alone, a client succeeds at the third attempt at the latest. Of many that share the
        # sequence one may fail four times running: a 503.
        with load(service.port, report, Rules(), clients=1) as running:
            time.sleep(1.5 if plan.is_short else 10)
        with load(service.port, report, Rules(may_refuse=True)) as together:
            time.sleep(1.5 if plan.is_short else 10)
        judge([running, together], url, report)
        report.check(not together.untold(), "made but denied", together.untold())
        _for_ever(service.port, report, server, url)
        service.judge_log(report)


def _for_ever(port: int, report: Report, server: Postgres, url: str) -> None:
    client = Client(port, Rules(may_refuse=True), report)
    (before,) = server.ask("SELECT last_value FROM attempts", url=url)[0]
    statuses: Counter[int] = Counter()
    for number in range(10):
        body = {"user_id": 7, "provider": "x", "ext_id": f"always-{number}"}
        answer, _ = client.ask("POST", PATH, 7, body)
        statuses[answer.status] += 1
    client.hang_up()
    (after,) = server.ask("SELECT last_value FROM attempts", url=url)[0]
    report.check(set(statuses) == {503}, "a conflict without end isn't 503", statuses)
    report.check(after - before == 40, "not four attempts each", f"{after - before} for 10")
    report.figures["attempts at a hopeless one"] = (after - before) / 10
