"""The results page: RESULTS.md, written from results.json."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import bulk, compare, cost, growth, pruning
from benchmarks.compare import Measure

HERE = Path(__file__).parent
RECORD = HERE / "results.json"
PAGE = HERE / "RESULTS.md"
PLOT = HERE / "growth.png"

INTRODUCTION = """\
# Results

Written by `python -m benchmarks --write`; every run is in `results.json`. Each part says when and
how it was measured.

"""

METHOD = """\
Who takes part: this service as it is deployed (`gunicorn -c gunicorn.conf.py wsgi:app`, every
check on); FastAPI with pydantic, SQLAlchemy's async ORM and asyncpg under uvicorn (uvloop,
httptools); Django REST Framework under gunicorn, persistent connections; and the floor, bare WSGI
with PyJWT and psycopg under gunicorn. The peers are in `peers/`. All write the same table, made by
the service's migrations, in one PostgreSQL with durable commits and a quarter of the memory. This
service writes the event of each create too, in the same statement. No peer does, but for the floor
with the event: the floor with that statement, which shows what an event costs by itself.

One worker has one core; wrk, PostgreSQL and the harness have the other. A round starts each
contestant afresh on a refilled table (ten associations a user, each user with a token), warms it
up, then measures list and create; the next round begins with another contestant. A create sends a
new pair, one of four kinds of body; the list is of the token's own user. Ratios are of
requests/s within one round. A run fails when an answer is not 2xx or a row is missing.
"""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    bar = ["---", *["---:"] * (len(head) - 1)]
    return "".join(f"| {' | '.join(row)} |\n" for row in [head, bar, *rows])


def middle(measures: Sequence[Measure], value: str) -> float:
    return float(median(getattr(m, value) for m in measures))


def figures(measures: Sequence[Measure]) -> str:
    """Medians over the rounds, a table for each operation."""
    text = ""
    for operation in reversed(compare.OPERATIONS):
        rows = []
        for name in compare.present(measures):
            own = compare.of(measures, name, operation)
            rows.append(
                (
                    compare.TITLES[name],
                    f"{middle(own, 'rate'):,.0f}",
                    f"{middle(own, 'p50'):.2f}",
                    f"{middle(own, 'p99'):.2f}",
                    f"{middle(own, 'cpu'):.3f}",
                    f"{middle(own, 'memory'):.0f}",
                    f"{compare.spread(own):.0%}",
                    f"{middle(own, 'others'):.1%}",
                    f"{middle(own, 'load_core'):.0%}",
                )
            )
        head = [operation, "requests/s", "p50 ms", "p99 ms", "CPU ms/request", "MiB (PSS)"]
        head += ["spread of rounds", "others on its core", "load's core busy"]
        text += table(head, rows) + "\n"
    return text


def ratios(measures: Sequence[Measure]) -> str:
    rows = [
        (
            f"{ratio.operation}, to {compare.TITLES[ratio.peer]}",
            " ".join(f"{value:.2f}" for value in ratio.by_round),
            f"**{ratio.median:.2f}**",
            f"≥ {ratio.wanted}" if ratio.wanted else "",
            f"{ratio.cpu:.2f}",
        )
        for ratio in compare.ratios(measures)
    ]
    head = ["this service's requests/s", "by round", "median", "wanted", "by CPU a request"]
    return table(head, rows) if rows else ""


def verdict(measures: Sequence[Measure]) -> str:
    sentences = compare.noisy(measures)
    return "".join(f"- {sentence}\n" for sentence in sentences) or (
        f"The machine was quiet enough: no contestant's rounds lie more than {compare.SPREAD:.0%} "
        f"of their median apart, and others had at most {compare.OTHERS:.0%} of its core.\n"
    )


def compared(measures: Sequence[Measure]) -> str:
    return f"{figures(measures)}{ratios(measures)}\n{verdict(measures)}"


def costs(starts: Sequence[cost.Start]) -> str:
    worker = [value for start in starts for value in start.cpu]
    fresh = [value for start in starts for value in start.fresh]
    memory = [value for start in starts for value in start.memory]
    rows = [
        (
            "CPU of a worker's start",
            f"{median(worker):.2f} s",
            f"{max(worker):.2f} s",
            f"≤ {cost.WANTED_CPU} s",
        ),
        (
            "CPU of the master's start",
            f"{median(s.master_cpu for s in starts):.2f} s",
            f"{max(s.master_cpu for s in starts):.2f} s",
            "",
        ),
        ("PSS of a worker at first", f"{median(fresh):.1f} MiB", f"{max(fresh):.1f} MiB", ""),
        (
            "PSS of a worker after load",
            f"{median(memory):.1f} MiB",
            f"{max(memory):.1f} MiB",
            f"≤ {cost.WANTED_MEMORY} MiB",
        ),
        (
            "PSS of the master",
            f"{median(s.master_memory for s in starts):.1f} MiB",
            f"{max(s.master_memory for s in starts):.1f} MiB",
            "",
        ),
    ]
    head = [f"{cost.WORKERS} workers, {len(starts)} starts", "median", "most", "wanted"]
    return table(head, rows)


def grown(found: growth.Growth) -> str:
    operations = growth.operations(found.rows)
    by_rows = {op: growth.medians(found.rows, op, "p50") for op in operations}
    sizes = sorted(by_rows["list"])
    rows = [[f"{size:,}", *(f"{by_rows[op][size]:.3f}" for op in operations)] for size in sizes]
    rows.append(
        ["**last to first**"]
        + [f"**{by_rows[op][sizes[-1]] / by_rows[op][sizes[0]]:.2f}**" for op in operations]
    )
    text = table(["rows", *(f"{op}, p50 ms" for op in operations)], rows)
    text += f"\nWanted: from 10,000 to 10,000,000 rows at most {growth.WANTED}.\n"
    if sentences := growth.noisy(found):
        text += "\n" + "".join(f"- {sentence}" for sentence in sentences)
    operations = growth.operations(found.workers)
    for name, points in (("workers", found.workers), ("connections", found.connections)):
        rate = {op: growth.medians(points, op, "rate") for op in operations}
        p99 = {op: growth.medians(points, op, "p99") for op in operations}
        head = [name]
        for op in operations:
            head += [f"{op}, requests/s", "p99 ms"]
        lines = []
        for x in sorted(rate["list"]):
            cells = [str(x)]
            for op in operations:
                cells += [f"{rate[op][x]:,.0f}", f"{p99[op][x]:.1f}"]
            lines.append(cells)
        text += "\n" + table(head, lines)
    return text + (f"\n{pruned(found.pruning)}" if found.pruning else "")


def pruned(found: Sequence[pruning.Beside]) -> str:
    head = ["creates", "events in the beginning", "pruned a second", "requests/s", "p50 ms"]
    rows = []
    for title, is_pruned in (("alone", False), ("while events are pruned", True)):
        own = [beside for beside in found if beside.is_pruned == is_pruned]
        rate, p50, p99 = (
            pruning.middle(found, value, is_pruned=is_pruned) for value in ("rate", "p50", "p99")
        )
        times = f"{median(b.pruned for b in own):,.0f}"
        events = f"{max(b.events for b in own):,}"
        rows.append((title, events, times, f"{rate:,.0f}", f"{p50:.2f}", f"**{p99:.2f}**"))
    return table([*head, "p99 ms"], rows)


def bulk_of(found: Sequence[bulk.Round]) -> str:
    middle_of = bulk.medians(found)
    rows = []
    for name, ours, copys in (("import", "imported", "copied_in"), ("export", "exported", "copied_out")):
        ratios = [one.ratio(name) for one in found]
        rows.append(
            (
                name,
                f"{middle_of[ours]:,.0f}",
                f"{middle_of[copys]:,.0f}",
                " ".join(f"{ratio:.2f}" for ratio in ratios),
                f"**{median(ratios):.2f}**",
                f"≥ {bulk.WANTED[name]}",
            )
        )
    head = [f"{found[0].rows:,} rows", "rows/s", "COPY's rows/s", "by round", "median", "wanted"]
    return table(head, rows)


def measures_of(part: dict[str, Any]) -> list[Measure]:
    return [Measure(**measure) for measure in part["found"]]


def growth_of(part: dict[str, Any]) -> growth.Growth:
    kinds: dict[str, Any] = {"pruning": pruning.Beside}
    return growth.Growth(
        **{
            name: [
                kinds.get(name, growth.Point)(**p | {"measure": Measure(**p["measure"])})
                for p in points
            ]
            for name, points in part["found"].items()
        }
    )


def circumstances(part: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in part["versions"].items())
    return f"{part['date']}, `{part['command']}`\n\n{part['machine']}.\n{versions}.\n\n"


def write(found: dict[str, dict[str, Any]]) -> None:
    """Replace the measured parts in the record and write the page anew."""
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    record |= found
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    text = INTRODUCTION
    if part := record.get("compare"):
        text += "## Against its peers\n\n" + METHOD + "\n" + circumstances(part)
        text += compared(measures_of(part)) + "\n"
    if part := record.get("cost"):
        text += "## Start and memory\n\n" + circumstances(part)
        text += costs([cost.Start(**start) for start in part["found"]]) + "\n"
    if part := record.get("growth"):
        text += "## Growth\n\n" + circumstances(part)
        text += (
            "This service alone. Rows: one connection, a database of each size, in alternating "
            f"rounds; {growth.TOKENS:,} tokens of users all over the table, whose rows lie apart;"
            " as many events as rows. A search shows 100 associations, from anywhere in the table or"
            " those that one of many makers made. Workers have all cores, which they share with"
            " PostgreSQL and wrk. Pruning: creates on one worker, by turns alone and while `flask"
            " events prune` deletes the events of the largest table, on PostgreSQL's core.\n\n"
        )
        grown_ = growth_of(part)
        growth.plot(grown_, PLOT)
        text += grown(grown_) + f"\n![the same as curves]({PLOT.name})\n"
    if part := record.get("bulk"):
        text += "\n## Many rows\n\n" + circumstances(part)
        text += (
            "`flask associations import` and `export` as whole processes, PostgreSQL on the other "
            "core, against COPY of the same rows into a table of the same columns, key and index, "
            "and out of it. An import judges each line and writes an event for each row.\n\n"
        )
        text += bulk_of([bulk.Round(**one) for one in part["found"]])
    PAGE.write_text(text.rstrip() + "\n")
