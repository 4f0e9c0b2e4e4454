"""How the service behaves as rows, workers and connections grow."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks import checks, load, machine
from benchmarks.compare import OPERATIONS, OTHERS, WARM_UP_SECONDS, Measure, measure
from benchmarks.contestants import SERVICE, running
from benchmarks.postgres import Server, makers
from benchmarks.pruning import Beside, pruning

# The same at every size, and more than a worker is likely to remember: what differs
# between the sizes must be the table alone.
TOKENS = 20_000
# By rows alone, with tokens and targets of their own.
SEARCHES = ("search", "search by maker")
WORKERS = (1, 2, 4)
CONNECTIONS = (1, 4, 16, 64, 256)
# What a round creates would change the size of a table like this, and reach its users' cap.
SMALL = 100_000
WANTED = 1.3


@dataclass(frozen=True)
class Point:
    """A measure at `x` rows, workers or connections."""

    x: int
    measure: Measure

    def __str__(self) -> str:
        return f"{self.x:>10,} {self.measure}"


@dataclass(frozen=True)
class Growth:
    rows: list[Point]
    workers: list[Point]
    connections: list[Point]
    pruning: list[Beside] = field(default_factory=list)


def growth(
    server: Server,
    directory: Path,
    *,
    sizes: Sequence[int],
    rounds: int,
    seconds: int,
    say: Callable[[object], None],
) -> Growth:
    """Rows in alternating rounds, one request at a time; then connections, workers, pruning.

    A table with n rows has n / 10 users and n events, and the load goes to users all over it.
    """
    found = Growth([], [], [])
    for size in sizes:
        say(f"loading {size:,} rows")
        server.create(f"rows-{size}")
        users = server.fill(f"rows-{size}", size, events=True)
        load.write_tokens(directory / f"tokens-{size}", TOKENS, users)
        load.write_searches(directory / f"search-{size}", TOKENS)
        load.write_searches(directory / f"search by maker-{size}", TOKENS, makers=makers(size))

    def take(
        points: list[Point],
        x: int,
        size: int,
        round_: int,
        *,
        connections: int,
        workers: int = 1,
    ) -> None:
        files = dict.fromkeys(OPERATIONS, directory / f"tokens-{size}")
        if points is found.rows:
            files |= {operation: directory / f"{operation}-{size}" for operation in SEARCHES}
        if size <= SMALL:
            server.fill(f"rows-{size}", size, events=True)
        with running(
            SERVICE,
            server.url(f"rows-{size}"),
            directory / "growth.log",
            cores=machine.CORES if workers > 1 else machine.CORES[-1:],
            workers=workers,
        ) as at:
            for operation, file in files.items():
                if operation in SEARCHES:
                    checks.finds(at.port, file.read_text().partition("\n")[0])
                load.run(at, operation, file, WARM_UP_SECONDS, connections)
                taken = measure(at, operation, round_, file, seconds, connections)
                points.append(Point(x, taken))
                say(points[-1])

    say("rows")
    for round_ in range(rounds):
        for size in sizes if round_ % 2 == 0 else reversed(sizes):
            take(found.rows, size, size, round_, connections=1)
    middle = sorted(sizes)[len(sizes) // 2]
    say("connections")
    for connections in CONNECTIONS:
        take(found.connections, connections, middle, 0, connections=connections)
    say("workers")
    for workers in WORKERS:
        take(found.workers, workers, middle, 0, connections=64, workers=workers)
    say("pruning")
    largest = f"rows-{max(sizes)}"
    tokens = directory / f"tokens-{max(sizes)}"
    found.pruning.extend(
        pruning(server, largest, directory, tokens, rounds=rounds, seconds=seconds, say=say)
    )
    return found


def medians(points: Sequence[Point], operation: str, value: str) -> dict[int, float]:
    """The median over the rounds at each x."""
    chosen = [p for p in points if p.measure.operation == operation]
    return {
        x: median(getattr(p.measure, value) for p in chosen if p.x == x)
        for x in sorted({p.x for p in chosen})
    }


def operations(points: Sequence[Point]) -> list[str]:
    """What was measured there, in its usual order."""
    measured = {p.measure.operation for p in points}
    return [name for name in (*reversed(OPERATIONS), *SEARCHES) if name in measured]


def noisy(found: Growth) -> list[str]:
    """A sentence for each size whose rounds mean little, since others had the core too."""
    sentences = []
    for operation in operations(found.rows):
        for x, others in medians(found.rows, operation, "others").items():
            if others > OTHERS:
                sentences.append(
                    f"Too noisy to conclude on {operation} at {x:,} rows: "
                    f"others had {others:.0%} of the worker's core.\n"
                )
    return sentences


def plot(found: Growth, path: Path) -> None:
    """Draw p50 by rows and requests/s by workers and connections, side by side."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(13, 4), layout="constrained")
    panels = (
        (found.rows, "p50", "rows in the table", "p50 in ms, one request at a time"),
        (found.workers, "rate", "workers", "requests/s, 64 connections"),
        (found.connections, "rate", "connections", "requests/s, one worker"),
    )
    for axis, (points, value, x_label, y_label) in zip(axes, panels, strict=True):
        for operation in operations(points):
            line = medians(points, operation, value)
            axis.plot(list(line), list(line.values()), marker="o", label=operation)
        axis.set_xscale("log")
        if value == "rate":
            axis.set_xticks(sorted({p.x for p in points}))
            axis.xaxis.set_major_formatter("{x:.0f}")
            axis.minorticks_off()
        axis.set_ylim(bottom=0)
        axis.set_xlabel(x_label)
        axis.set_ylabel(y_label)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
