"""Writers with a ledger and readers of a public list, and how long each went without an answer."""

import http.client
import itertools
import json
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.chaos import feed
from tests.chaos.clients import Client, Rules
from tests.chaos.ledger import compare, read_table
from tests.chaos.load import Load, load
from tests.chaos.report import Report
from tests.cluster.cluster import EXT_ID, USER, Cluster
from tests.support.factories import path_of
from tests.support.waiting import eventually

READERS = 2
INTERVAL = 0.05
"""Seconds from one request of a writer to its next; so that the machine has rest."""
REFUSED_WITHIN = 3.0
"""Seconds; the service's two, and what such a machine adds."""
READ_GAP = 1.0


@dataclass
class Reader(threading.Thread):
    """Somebody who isn't signed in looks at a list, again and again."""

    port: int
    ends: threading.Event
    report: Report
    good: list[float] = field(default_factory=list)
    """When an answer came that was right."""

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.ends.wait(INTERVAL / 2):
            try:
                connection.request("GET", path_of(USER))
                answer = connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self.report.violate("a list without an answer", repr(error))
                continue
            if answer.status == 200:
                listed = [row["ext_id"] for row in json.loads(content)]
                self.report.check(listed == [EXT_ID], "a list that isn't right", content[:200])
                self.good.append(time.monotonic())
            elif answer.status != 503 or not answer.headers["Retry-After"]:
                self.report.violate(f"a list answered {answer.status}", content[:200])
        connection.close()


@dataclass
class Watch:
    report: Report
    load: Load
    readers: list[Reader]
    began: float
    faulted: float = 0.0
    ended: float = 0.0

    def fault(self) -> None:
        """It happens now: writers' gaps count from here on."""
        self.faulted = time.monotonic()

    def wait_until_written(self, seconds: float) -> None:
        """Wait until each writer was acknowledged a change that it asked for from now on."""
        now = time.monotonic()
        eventually(lambda: all(_wrote_after(now, each) for each in self.load.clients), seconds)

    def write_gap(self) -> float:
        """The longest time that any writer had nothing acknowledged."""
        begin = self.faulted or self.began
        return max(
            _longest(begin, self.ended, _acknowledgements(client)) for client in self.load.clients
        )

    def read_gap(self) -> float:
        return max(_longest(self.began, self.ended, reader.good) for reader in self.readers)


def _acknowledgements(client: Client) -> list[float]:
    return [
        answer.at + answer.seconds
        for answer in client.answers
        if answer.method != "GET" and answer.status in {200, 201, 204, 404}
    ]


def _wrote_after(moment: float, client: Client) -> bool:
    return any(
        answer.at > moment and answer.method != "GET" and 200 <= answer.status < 300
        for answer in client.answers[-50:]
    )


def _longest(begin: float, end: float, moments: Iterable[float]) -> float:
    within = [begin, *(moment for moment in moments if begin < moment < end), end]
    return max(later - earlier for earlier, later in itertools.pairwise(within))


@contextmanager
def watching(
    cluster: Cluster,
    report: Report,
    loads: list[Load],
    *,
    write_gap: float,
    may_refuse: bool = True,
    follows: bool = True,
) -> Iterator[Watch]:
    """Write and read until the block is left; then judge.

    Args:
        loads: those before, whose work must still be there; this one is added.
        write_gap: the seconds that a writer may have to wait.
        may_refuse: some requests may be answered 503.
        follows: somebody reads the feed; without, no events are expected either.
    """
    ends = threading.Event()
    readers = [Reader(cluster.port, ends, report) for _ in range(READERS)]
    rules = Rules(may_refuse=may_refuse, refusal_seconds=REFUSED_WITHIN, interval=INTERVAL)
    after = loads[-1].follower.after if loads else 0
    with load(cluster.port, report, rules, after=after, follows=follows) as running:
        watch = Watch(report, running, readers, time.monotonic())
        for reader in readers:
            reader.start()
        try:
            yield watch
            watch.ended = time.monotonic()
        finally:
            ends.set()
            for reader in readers:
                reader.join(15)
    report.figures["written"] = sum(len(_acknowledgements(each)) for each in running.clients)
    report.figures["write gap s"] = watch.write_gap()
    report.figures["read gap s"] = watch.read_gap()
    report.check(watch.write_gap() <= write_gap, f"writes were away for more than {write_gap:g} s")
    report.check(watch.read_gap() <= READ_GAP, f"lists were away for more than {READ_GAP:g} s")
    loads.append(running)
    judge(cluster, report, loads, with_events=follows)


def judge(cluster: Cluster, report: Report, loads: list[Load], *, with_events: bool) -> None:
    """Hold what was acknowledged, now and before, against what the primary has."""
    url = cluster.superuser_url()
    if with_events:
        feed.judge(loads, url, report)
    else:
        compare([ledger for load in loads for ledger in load.ledgers()], read_table(url), report)
    for name, instance in cluster.instances.items():
        report.check(not instance.has_ended(), "an instance ended by itself", name)
        for line in instance.new_output().splitlines():
            if "Traceback" in line:
                report.violate("a trace in the log", line[:1500])
    if report.violations or not with_events:
        # The scenarios to come report what is theirs.
        cluster.empty()
        loads.clear()
