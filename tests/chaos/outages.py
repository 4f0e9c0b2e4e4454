"""A database that is stopped, and one behind a black hole."""

import select
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

from tests.chaos.clients import Client, Rules
from tests.chaos.feed import judge
from tests.chaos.load import Load, load
from tests.chaos.plan import Plan
from tests.chaos.postgres import Postgres
from tests.chaos.report import Report, quantile
from tests.chaos.stack import Stack, stack
from tests.support.broken_network import Line
from tests.support.factories import PATH
from tests.support.waiting import becomes

AT_ONCE = 100
TOLD_WITHIN = 2.0
BACK_WITHIN = 5.0


class _Hole(Line):
    """Drops packets while it is cut, as TCP sees it.

    What was sent meanwhile arrives afterwards, also from a connection that its client has closed:
    the kernel goes on sending. Only a reset takes it back.
    """

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        state = select.poll()
        state.register(source, select.POLLIN)
        with suppress(OSError):
            while data := source.recv(65_536):
                self._open.wait()
                if any(event & select.POLLERR for _, event in state.poll(0)):
                    break
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


def stopped(plan: Plan, report: Report, server: Postgres) -> None:
    """The database is shut down under load and comes back later."""
    with server.database() as url, stack(url, defect=plan.of_service()) as service:
        with load(service.port, report, Rules(may_refuse=True)) as running:
            time.sleep(1)
            server.stop()
            _outage(service, running, report, plan)
            server.start()
            _recovery(service, running, server.answers(), report)
        judge([running], url, report)
        report.check(running.untold() <= len(running.clients), "made but denied", running.untold())
        service.judge_log(report)


def black_hole(plan: Plan, report: Report, server: Postgres) -> None:
    """Packets are dropped: connections stay, new ones are taken, nothing is ever answered."""
    with (
        server.database() as url,
        closing(_Hole(url)) as line,
        stack(line.url, defect=plan.of_service()) as service,
    ):
        with load(service.port, report, Rules(may_refuse=True)) as running:
            time.sleep(1)
            connections = server.connections(url)
            line.cut()
            _outage(service, running, report, plan)
            line.mend()
            _recovery(service, running, time.monotonic(), report)
        judge([running], url, report)
        # What was sent into the hole may come out of it when it ends: one statement a connection.
        report.check(running.untold() <= connections, "made but denied", running.untold())
        name = 'social_database_pool_connections{state="%s"}'
        counted, limit = (service.metric(name % state) for state in ("open", "limit"))
        report.check(counted <= limit, "more connections than the pools may have", counted)
        there = _connections(server, url, counted)
        report.check(counted == there, "connections not counted, or not there", (counted, there))
        report.figures["connections afterwards"] = there
        service.judge_log(report)


def _outage(service: Stack, running: Load, report: Report, plan: Plan) -> None:
    """What must hold while it lasts, from its first moment on, with a hundred clients at once."""
    for _ in range(1 if plan.is_short else 3):
        _ask_at_once(service, report)
        for path, expected in (("/healthz", 200), ("/readyz", 503)):
            began = time.monotonic()
            status = service.get(path).status
            seconds = time.monotonic() - began
            report.check(status == expected, f"{path} is {status}")
            report.check(seconds <= TOLD_WITHIN, f"{path} took {seconds:.1f} s")
        time.sleep(1)
    name = 'social_database_pool_connections{state="open"}'
    report.figures["connections open meanwhile"] = service.metric(name)


def _ask_at_once(service: Stack, report: Report) -> None:
    rules = Rules(may_refuse=True, refusal_seconds=TOLD_WITHIN)

    def ask(number: int) -> tuple[int, float]:
        client = Client(service.port, rules, report)
        body = {"user_id": 9, "provider": "never", "ext_id": f"at-once-{number}"}
        answer, _ = client.ask("POST", PATH, 9, body)
        client.hang_up()
        return answer.status, answer.seconds

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(ask, range(AT_ONCE)))
    statuses = Counter(status for status, _ in answers)
    report.check(set(statuses) == {503}, "not all of the hundred were answered 503", statuses)
    slowest = quantile([seconds for _, seconds in answers], 1)
    report.raise_figure("slowest of 100 s", slowest)


def _recovery(service: Stack, running: Load, moment: float, report: Report) -> None:
    report.figures["recovery s"] = running.recovered_after(
        moment, within=BACK_WITHIN, report=report
    )
    report.check(service.get("/readyz").status == 200, "/readyz isn't 200 again")


def _connections(server: Postgres, url: str, expected: float) -> int:
    """Those that PostgreSQL has; it may take a moment to see that one was hung up on."""
    becomes(lambda: server.connections(url) == expected, 3)
    return server.connections(url)
