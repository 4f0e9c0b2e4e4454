"""Clients and one who follows the feed, all at once."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.chaos.clients import PATIENCE, Answer, Client, Rules
from tests.chaos.follower import Follower
from tests.chaos.ledger import Ledger
from tests.chaos.report import Report, quantile

CLIENTS = 8


@dataclass
class Load:
    clients: list[Client]
    follower: Follower
    began: float
    ends: threading.Event
    rules: Rules

    def answers(self) -> list[Answer]:
        return [answer for client in self.clients for answer in client.answers]

    def ledgers(self) -> list[Ledger]:
        return [client.ledger for client in self.clients]

    def untold(self) -> int:
        """How many changes were made though a 503 denied them."""
        return sum(client.done_but_told_not for client in self.clients)

    def recovered_after(self, moment: float, *, within: float, report: Report) -> float:
        """Wait until every client was answered well to something asked after the moment.

        Returns: the seconds that took; a violation if it took longer than `within`.
        """
        waiting = set(self.clients)
        while waiting and time.monotonic() < moment + within + 3:
            for client in list(waiting):
                last = client.answers[-1:]
                if last and last[0].at > moment and 200 <= last[0].status < 300:
                    waiting.discard(client)
            time.sleep(0.005)
        seconds = time.monotonic() - moment
        if waiting or seconds > within:
            report.violate(
                f"not back within {within:g} s", f"{len(waiting)} clients after {seconds:.1f} s"
            )
        return seconds


@contextmanager
def load(
    port: int,
    report: Report,
    rules: Rules | None = None,
    *,
    clients: int = CLIENTS,
    after: int = 0,
    follows: bool = True,
) -> Iterator[Load]:
    """Run the clients until the block is left; then their figures are in the report.

    Args:
        after: where in the feed the follower begins.
        follows: whether there is one; the first release has no feed.
    """
    rules = rules or Rules()
    ends = threading.Event()
    running = Load(
        [Client(port, rules, report, ends) for _ in range(clients)],
        Follower(port, rules, report, begins_after=after),
        time.monotonic(),
        ends,
        rules,
    )
    for client in [*running.clients, *([running.follower] if follows else [])]:
        client.start()
    try:
        yield running
    finally:
        ends.set()
        for client in running.clients:
            client.join(PATIENCE + 15)
            report.check(not client.is_alive(), "a client hangs", client.number)
        # What was acknowledged is there to be followed now.
        if follows:
            running.follower.ends.set()
            running.follower.join(PATIENCE + 15)
            came_to_the_end = running.follower.is_done or running.follower.is_shut
            report.check(came_to_the_end, "the follower did not come to the end")
    seconds = time.monotonic() - running.began
    answers = running.answers()
    statuses = Counter(answer.status for answer in answers)
    times = [answer.seconds for answer in answers if 0 < answer.status < 500]
    refusals = [answer.seconds for answer in answers if answer.status == 503]
    report.figures["a second"] = round(len(answers) / seconds)
    report.raise_figure("p99 s", quantile(times, 0.99))
    report.raise_figure("slowest 503 s", max(refusals, default=0.0))
    report.add(
        requests=len(answers),
        followed=len(running.follower.seen),
        _503=statuses[503],
        unanswered=statuses[0],
        retried=sum(client.retried for client in running.clients),
        made_but_told_not=running.untold(),
    )
