"""Import and export of many rows, against PostgreSQL's COPY of the same rows.

COPY goes into a table of the same columns, key and index, without events and without a look at any
value; an import judges each line and writes an event for each row.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks import machine, postgres
from benchmarks.postgres import ROOT, Server

WANTED = {"import": 0.2, "export": 0.3}
BLOCK = 1 << 16
DATABASE = "bulk"
COLUMNS = (
    "user_id, provider, ext_id, profile_url, show_in_profile, metadata, created_by, "
    "created_at, updated_at"
)


@dataclass(frozen=True)
class Round:
    """Rows a second of each way; `ours` with the start of the process."""

    rows: int
    imported: float
    copied_in: float
    exported: float
    copied_out: float

    def ratio(self, name: str) -> float:
        if name == "import":
            return self.imported / self.copied_in
        return self.exported / self.copied_out

    def __str__(self) -> str:
        return (
            f"import {self.imported:,.0f} of COPY's {self.copied_in:,.0f} rows/s "
            f"({self.ratio('import'):.2f}), export {self.exported:,.0f} of "
            f"{self.copied_out:,.0f} ({self.ratio('export'):.2f})"
        )


def bulk(
    server: Server, directory: Path, *, rows: int, rounds: int, say: Callable[[object], None]
) -> list[Round]:
    """The client, whichever it is, has one core, and PostgreSQL the other."""
    os.sched_setaffinity(0, machine.CORES[-1:])
    try:
        server.create(DATABASE)
        with server.connect(DATABASE) as connection:
            connection.execute("CREATE TABLE plain (LIKE social_association INCLUDING INDEXES)")
        for_copy, for_import = directory / "rows.copy", directory / "rows.jsonl"
        server.fill(DATABASE, rows)
        copy_out(server, for_copy)
        write_lines(for_copy, for_import)
        found = []
        for number in range(rounds):
            ways: list[tuple[str, Callable[[], float]]] = [
                ("imported", lambda: import_(server, for_import, rows)),
                ("copied_in", lambda: copy_in(server, for_copy)),
                ("exported", lambda: export(server, directory / "out.jsonl")),
                ("copied_out", lambda: copy_out(server, directory / "out.copy")),
            ]
            if number % 2:
                ways = [ways[1], ways[0], ways[3], ways[2]]
            taken = {name: rows / seconds() for name, seconds in ways}
            found.append(Round(rows=rows, **taken))
            say(found[-1])
        return found
    finally:
        os.sched_setaffinity(0, machine.CORES[:1])


def write_lines(rows: Path, to: Path) -> None:
    """What an import takes, from what COPY takes."""
    with rows.open() as copied, to.open("w") as lines:
        for row in copied:
            user_id, provider, ext_id, url, _, metadata, *_ = row.rstrip("\n").split("\t")
            new = {"user_id": int(user_id), "provider": provider, "ext_id": ext_id}
            if provider == "external":
                new["metadata"] = json.loads(metadata)
            else:
                new |= {"profile_url": url, "show_in_profile": True}
            lines.write(json.dumps(new) + "\n")


def prepare(server: Server, *tables: str) -> None:
    """Empty them; and no checkpoint on its way slows whoever comes first."""
    with server.connect(DATABASE) as connection:
        connection.execute(f"TRUNCATE {', '.join(tables)}")
        connection.execute("CHECKPOINT")


def settle(server: Server) -> None:
    """Whoever reads rows first after they were written writes to their pages once more, and the
    server cleans up: neither way out is to pay for the ways in."""
    with server.connect(DATABASE) as connection:
        connection.execute("VACUUM ANALYZE social_association, social_event")
        connection.execute("CHECKPOINT")


def import_(server: Server, file: Path, rows: int) -> float:
    prepare(server, "social_association", "social_event")
    seconds, out = flask(server, "import", "--created-by", "1", file)
    counts = json.loads(out)
    with server.connect(DATABASE) as connection:
        ((events,),) = connection.execute("SELECT count(*) FROM social_event")
    if counts["created"] != rows or events != rows:
        raise SystemExit(f"Of {rows} rows the import made {counts}, with {events} events.")
    return seconds


def export(server: Server, file: Path) -> float:
    # The events' ids are the feed's business; given once, they cost an export nothing.
    flask(server, "export", "--user", "1")
    settle(server)
    return flask(server, "export", file)[0]


def flask(server: Server, *arguments: str | Path) -> tuple[float, str]:
    command = [Path(sys.executable).with_name("flask"), "associations", *arguments]
    environ = os.environ | postgres.service_environment(server.url(DATABASE))
    begin = time.monotonic()
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{arguments[0]} ended with {done.returncode}:\n{done.stderr}")
    return time.monotonic() - begin, done.stdout


def copy_in(server: Server, file: Path) -> float:
    prepare(server, "plain")
    with server.connect(DATABASE) as connection, connection.cursor() as cursor, file.open("rb") as rows:
        begin = time.monotonic()
        with cursor.copy(f"COPY plain ({COLUMNS}) FROM STDIN") as copy:
            while block := rows.read(BLOCK):
                copy.write(block)
        return time.monotonic() - begin


def copy_out(server: Server, file: Path) -> float:
    settle(server)
    with server.connect(DATABASE) as connection, connection.cursor() as cursor, file.open("wb") as to:
        begin = time.monotonic()
        with cursor.copy(f"COPY social_association ({COLUMNS}) TO STDOUT") as copy:
            for block in copy:
                to.write(block)
        return time.monotonic() - begin


def medians(found: Sequence[Round]) -> dict[str, float]:
    names = ("imported", "copied_in", "exported", "copied_out")
    return {name: median(getattr(one, name) for one in found) for name in names}
