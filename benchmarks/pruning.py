"""Creates while old events are pruned from a large table."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import load, machine
from benchmarks.compare import WARM_UP_SECONDS, Measure, measure
from benchmarks.contestants import SERVICE, running
from benchmarks.postgres import ROOT, Server, service_environment
from tests.support.processes import end, launch
from tests.support.waiting import eventually

CONNECTIONS = 16
PRUNED = "SELECT pruned_id FROM social_event_counter"


@dataclass(frozen=True)
class Beside:
    """A measure of creates, and what happened beside them."""

    is_pruned: bool
    events: int
    """How many there were in the beginning."""
    pruned: float
    """Events a second."""
    measure: Measure

    def __str__(self) -> str:
        return f"{self.events:>10,} events, {self.pruned:>6,.0f}/s pruned {self.measure}"


def pruning(
    server: Server,
    database: str,
    directory: Path,
    tokens: Path,
    *,
    rounds: int,
    seconds: int,
    say: Callable[[object], None],
) -> list[Beside]:
    """Creates alone and beside `flask events prune`, by turns. The database is used up by it."""
    found = []
    for round_ in range(rounds):
        for is_pruned in (False, True) if round_ % 2 == 0 else (True, False):
            events = server.rows(database, "social_event")
            with running(
                SERVICE, server.url(database), directory / "pruning.log", cores=machine.CORES[-1:]
            ) as at:
                load.run(at, "create", tokens, WARM_UP_SECONDS, CONNECTIONS)
                with prune(server, database, directory) if is_pruned else nullcontext():
                    before = server.ask(database, PRUNED)
                    taken = measure(at, "create", round_, tokens, seconds, CONNECTIONS)
                    pruned = server.ask(database, PRUNED) - before
            found.append(Beside(is_pruned, events, pruned / seconds, taken))
            say(found[-1])
    return found


@contextmanager
def prune(server: Server, database: str, directory: Path) -> Iterator[None]:
    """`flask events prune`, which has begun; its core is that of the database, as main says."""
    log = directory / "prune.log"
    command: list[str | Path] = [Path(sys.executable).with_name("flask"), "events", "prune"]
    environment = os.environ | service_environment(server.url(database))
    first = server.ask(database, PRUNED)
    process = launch(command, environment, log, cwd=ROOT)
    try:
        # A small table may be done with before anybody looks.
        eventually(
            lambda: process.poll() is not None or server.ask(database, PRUNED) > first,
            30,
            log.read_text,
        )
        if process.poll():
            raise SystemExit(f"flask events prune failed:\n{log.read_text()}")
        yield
    finally:
        end(process)


def middle(found: Sequence[Beside], value: str, *, is_pruned: bool) -> float:
    """The median over the rounds."""
    return float(median(getattr(b.measure, value) for b in found if b.is_pruned == is_pruned))
