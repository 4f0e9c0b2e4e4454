"""Contestants in alternating rounds, and what follows from them."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import checks, load, machine
from benchmarks.contestants import CONTESTANTS, SERVICE, Contestant, Running, running
from benchmarks.postgres import PER_USER, Server

OPERATIONS = ("list", "create")
WARM_UP_SECONDS = 2
# Beyond these nothing is concluded: best less worst of a contestant's rounds, to their median;
# the share of its core that went to others; how busy the core of the load may be.
SPREAD = 0.2
OTHERS = 0.05
LOAD_CORE = 0.95
LEAST_ROUNDS = 3
# The least ratio of this service's requests/s to each peer's that the project wants.
WANTED = {
    ("fastapi", "create"): 1.8,
    ("fastapi", "list"): 2.3,
    ("drf", "create"): 2.8,
    ("drf", "list"): 3.4,
    ("floor", "create"): 0.55,
    ("floor", "list"): 0.75,
}
TITLES = {contestant.name: contestant.title for contestant in CONTESTANTS}


@dataclass(frozen=True)
class Measure:
    """One run of one operation. Latencies and CPU in milliseconds, memory in MiB.

    `cpu` is what the worker used per request, `others` the share of the worker's core that
    somebody else had, `load_core` how busy the core of wrk and the database was.
    """

    contestant: str
    operation: str
    round: int
    requests: int
    rate: float
    p50: float
    p99: float
    cpu: float
    memory: float
    others: float
    load_core: float

    def __str__(self) -> str:
        return (
            f"{self.round + 1:>3} {self.contestant:<11} {self.operation:<6} {self.rate:>7.0f}/s"
            f"  p50 {self.p50:6.2f} ms  p99 {self.p99:7.2f} ms  CPU {self.cpu:.3f} ms"
            f"  {self.memory:5.1f} MiB  others {self.others:4.1%}  load's core {self.load_core:.0%}"
        )


@dataclass(frozen=True)
class Ratio:
    """This service's requests/s to a peer's, and a peer's CPU per request to this service's.

    The second hardly minds who else is busy on the machine.
    """

    peer: str
    operation: str
    by_round: tuple[float, ...]
    cpu: float

    @property
    def median(self) -> float:
        return median(self.by_round)

    @property
    def wanted(self) -> float | None:
        return WANTED.get((self.peer, self.operation))


def compare(
    server: Server,
    contestants: Sequence[Contestant],
    directory: Path,
    *,
    rounds: int,
    seconds: int,
    connections: int,
    say: Callable[[object], None],
) -> list[Measure]:
    """Measure every contestant in every round; who begins changes from round to round."""
    server.create("compare")
    users = load.user_count(seconds + WARM_UP_SECONDS)
    tokens = directory / "tokens"
    load.write_tokens(tokens, users, users)
    measures = []
    for round_ in range(rounds):
        first = round_ % len(contestants)
        for contestant in [*contestants[first:], *contestants[:first]]:
            server.fill("compare", users * PER_USER)
            url, log = server.url("compare"), directory / f"{contestant.name}.log"
            with running(contestant, url, log, cores=machine.CORES[-1:]) as at:
                if round_ == 0:
                    checks.does_the_work(contestant.name, at.port)
                for operation in OPERATIONS:
                    load.run(at, operation, tokens, WARM_UP_SECONDS, connections)
                    rows, events = server.rows("compare"), server.rows("compare", "social_event")
                    found = measure(at, operation, round_, tokens, seconds, connections)
                    added = server.rows("compare") - rows
                    # What was under way when wrk hung up is stored, but not counted.
                    if operation == "create" and not 0 <= added - found.requests <= connections:
                        raise SystemExit(
                            f"{contestant.name} answered {found.requests} creates "
                            f"and stored {added} rows."
                        )
                    noted = server.rows("compare", "social_event") - events
                    if operation == "create" and contestant.writes_events and noted != added:
                        raise SystemExit(f"{contestant.name} wrote {noted} events of {added}.")
                    say(found)
                    measures.append(found)
    return measures


def measure(
    at: Running, operation: str, round_: int, tokens: Path, seconds: int, connections: int
) -> Measure:
    load_core, worker_core = machine.CORES[0], machine.CORES[-1]

    def readings() -> tuple[float, ...]:
        return (
            time.monotonic(),
            machine.tree_cpu_seconds(at.pid),
            machine.core_busy_seconds(worker_core),
            machine.core_busy_seconds(load_core),
        )

    before = readings()
    result = load.run(at, operation, tokens, seconds, connections)
    elapsed, cpu, worker_busy, load_busy = (
        after - earlier for earlier, after in zip(before, readings(), strict=True)
    )
    workers = at.workers()
    return Measure(
        contestant=at.contestant.name,
        operation=operation,
        round=round_,
        requests=result.requests,
        rate=result.requests / result.seconds,
        p50=result.p50,
        p99=result.p99,
        cpu=1000 * cpu / result.requests,
        memory=sum(map(machine.pss_mib, workers)) / len(workers),
        others=max(0.0, worker_busy - cpu) / elapsed,
        load_core=load_busy / elapsed,
    )


def of(measures: Sequence[Measure], contestant: str, operation: str) -> list[Measure]:
    """This contestant's measures of this operation, by round."""
    return [m for m in measures if m.contestant == contestant and m.operation == operation]


def present(measures: Sequence[Measure]) -> list[str]:
    """The contestants that were measured, in their usual order."""
    return [name for name in TITLES if any(m.contestant == name for m in measures)]


def ratios(measures: Sequence[Measure]) -> Iterator[Ratio]:
    for operation in reversed(OPERATIONS):
        ours = of(measures, SERVICE.name, operation)
        for peer in present(measures):
            if ours and peer != SERVICE.name:
                pairs = list(zip(ours, of(measures, peer, operation), strict=True))
                yield Ratio(
                    peer,
                    operation,
                    by_round=tuple(our.rate / their.rate for our, their in pairs),
                    cpu=median(their.cpu / our.cpu for our, their in pairs),
                )


def spread(measures: Sequence[Measure]) -> float:
    rates = [m.rate for m in measures]
    return (max(rates) - min(rates)) / median(rates)


def noisy(measures: Sequence[Measure]) -> list[str]:
    """A sentence for each contestant and operation from which nothing should be concluded."""
    found = []
    for name in present(measures):
        for operation in OPERATIONS:
            if reasons := doubts(of(measures, name, operation)):
                what = f"{operation} of {TITLES[name]}"
                found.append(f"Too noisy to conclude on {what}: {'; '.join(reasons)}.")
    return found


def doubts(rounds: Sequence[Measure]) -> list[str]:
    """Why the rounds of one contestant and operation prove nothing."""
    reasons = []
    if len(rounds) < LEAST_ROUNDS:
        reasons.append(f"fewer than {LEAST_ROUNDS} rounds")
    if (apart := spread(rounds)) > SPREAD:
        reasons.append(f"the best and worst rounds lie {apart:.0%} of the median apart")
    if (others := median(m.others for m in rounds)) > OTHERS:
        reasons.append(f"others had {others:.0%} of its core")
    if (busy := median(m.load_core for m in rounds)) > LOAD_CORE:
        reasons.append(f"the core of wrk and the database was {busy:.0%} busy")
    return reasons
