"""Disks without room."""

import itertools
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.clients import Client, Rules
from tests.chaos.feed import judge
from tests.chaos.load import load
from tests.chaos.plan import Plan
from tests.chaos.postgres import Postgres
from tests.chaos.report import Report, Skipped
from tests.chaos.stack import Stack, stack
from tests.support.databases import sqlite
from tests.support.factories import PATH

LARGE = {"text": "x" * 10_000}
LARGE_ROWS = "SELECT ext_id FROM social_association WHERE provider = 'external'"
DELETE_LARGE = "DELETE FROM social_association WHERE provider = 'external'"


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="social-chaos-disk-") as name:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", name]
        try:
            subprocess.run(mount, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            raise Skipped("mounting a tmpfs isn't allowed here") from None
        try:
            yield Path(name)
        finally:
            subprocess.run(["umount", "--lazy", name], check=True)


def full_postgresql(plan: Plan, report: Report, server: Postgres) -> None:
    """The disk of PostgreSQL's tables is full: writes are 503, reads go on, nothing is broken.

    Its write-ahead log is elsewhere: where that has no room PostgreSQL stops, which is the
    scenario `stopped`.
    """
    with small_disk(24) as disk:
        server.own(disk)
        server.ask(f"CREATE TABLESPACE small LOCATION '{disk}'")
        try:
            with server.database("small") as url:
                with stack(url, defect=plan.of_service()) as service:
                    ballast = disk / "ballast"
                    _Full(service, report, lambda: server.ask(LARGE_ROWS, url=url)).live_through(
                        lambda: _fill(ballast), ballast.unlink
                    )
                # Reads every row by every index, and fails where one is torn.
                server.ask("REINDEX TABLE social_association", url=url)
                server.ask("REINDEX TABLE social_event", url=url)
        finally:
            server.ask("DROP TABLESPACE small")


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def full_sqlite(plan: Plan, report: Report) -> None:
    """SQLite may grow no more (`max_page_count`)."""
    defect = plan.of_service() or "nothing"
    with stack(defect=defect, CHAOS_MAX_PAGES="300") as service:

        def ask(statement: str) -> list[tuple[Any, ...]]:
            with closing(sqlite(service.database_url)) as connection:
                connection.execute("PRAGMA busy_timeout = 5000")
                return connection.execute(statement).fetchall()

        _Full(service, report, lambda: ask(LARGE_ROWS)).live_through(
            lambda: None, lambda: ask(DELETE_LARGE)
        )
        whole = ask("PRAGMA integrity_check")
        report.check(whole == [("ok",)], "the file isn't whole", whole)


@dataclass
class _Full:
    """What must hold on a full disk, whosever it is."""

    service: Stack
    report: Report
    stored: Callable[[], list[tuple[Any, ...]]]
    """The large rows that are in the table."""
    kept: list[str] = field(default_factory=list)
    """Those that were acknowledged."""

    def __post_init__(self) -> None:
        self._client = Client(self.service.port, Rules(may_refuse=True), self.report)

    def live_through(self, fill: Callable[[], object], free: Callable[[], object]) -> None:
        with load(self.service.port, self.report, Rules(may_refuse=True)) as running:
            time.sleep(1)
            fill()
            refused = self._write_until_refused()
            reads = Counter(self._read() for _ in range(50))
            self.report.check(set(reads) == {200}, "reads don't go on", reads)
            stored = {row[0] for row in self.stored()}
            lost = set(self.kept) - stored
            self.report.check(not lost, "acknowledged and lost", sorted(lost)[:3])
            half = stored & set(refused)
            self.report.check(not half, "half done: refused, and there", sorted(half)[:3])
            free()
            moment = time.monotonic()
            self.report.figures |= {"large rows until full": len(self.kept)}
            seconds = running.recovered_after(moment, within=5, report=self.report)
            self.report.figures["recovery s"] = seconds
        self._client.hang_up()
        judge([running], self.service.database_url, self.report)
        self.report.check(not running.untold(), "made but denied", running.untold())
        self.service.judge_log(self.report)

    def _write_until_refused(self) -> list[str]:
        refused: list[str] = []
        for number in itertools.count():
            ext_id = f"large-{number}"
            body = {"user_id": 7, "provider": "external", "ext_id": ext_id, "metadata": LARGE}
            body["user_id"] = user_id = 1000 + number // 20
            answer, _ = self._client.ask("POST", PATH, user_id, body)
            if answer.status == 201:
                self.kept.append(ext_id)
            else:
                refused.append(ext_id)
            if len(refused) == 20:
                break
            if len(self.kept) > 1_000:
                self.report.violate("the disk didn't fill: this shows nothing")
                break
        return refused

    def _read(self) -> int:
        return self._client.ask("GET", f"{PATH}?user_id=1000", 1000)[0].status
