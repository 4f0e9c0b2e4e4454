"""A re-key: which lines may be changed one by one, and which only together."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Self

from marshmallow import ValidationError

from service.commands.importing import INVALID, Judged, Report
from service.commands.lines import Line
from service.database import scratch
from service.database.apart import Connection
from service.schemas.lines import RenameSchema
from service.store import rekeying
from service.web.errors import Entry
from service.web.parser import entries_of_error

OUTCOMES = (rekeying.CHANGED, rekeying.MISSING, rekeying.CONFLICT, INVALID)
AT_ONCE = 100
"""Lines in a transaction, which takes a tenth of a second at most."""
_WHY = {
    rekeying.MISSING: [Entry("not_found", "Nobody has this ext_id at this provider.")],
    rekeying.CONFLICT: [Entry("unique", "The new ext_id is linked already.", "new")],
    rekeying.INCOMPLETE: [
        Entry("incomplete", "It changes places with others, of which not all are there.")
    ],
}
_REPEATED = [Entry("repeated", "This ext_id stands in an earlier line too.", "old")]

_schema = RenameSchema()


Numbered = tuple[int, str, str]
"""A line's number, its old and its new ext_id."""


class Step(NamedTuple):
    """One line; or several that are a circle, and done together."""

    lines: list[Numbered]

    @property
    def renamed(self) -> list[rekeying.Renamed]:
        return [(old, new) for _, old, new in self.lines]


class Plan:
    """The lines of a file, in a temporary one: memory does not grow with them.

    Only a chain of lines, each of whose new ext_id is the next one's old, is in memory as a whole.
    """

    def __init__(self) -> None:
        self._db = scratch.connect()
        self._db.execute(
            "CREATE TABLE line"
            " (number INTEGER PRIMARY KEY, old UNIQUE, new, is_planned, is_changed)"
        )
        self._db.execute("CREATE INDEX new ON line (new)")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def add(self, line: Line) -> list[Entry]:
        """Take in a line; gives what is wrong with it."""
        if line.refusal is not None:
            return [line.refusal]
        try:
            found = _schema.load(line.fields)
        except ValidationError as error:
            return entries_of_error(error)
        insert = "INSERT INTO line VALUES (?, ?, ?, 0, 0) ON CONFLICT (old) DO NOTHING"
        added = self._db.execute(insert, (line.number, found["old"], found["new"])).rowcount
        return [] if added else _REPEATED

    def steps(self) -> Iterator[Step]:
        """All lines; one whose new ext_id is another's old one comes after that other."""
        first = "SELECT number, old, new FROM line WHERE is_planned = 0 AND number > ? LIMIT 1"
        number = 0
        while line := self._db.execute(first, (number,)).fetchone():
            number = line[0]
            path, circle = self._follow(line)
            if circle:
                yield Step(circle)
            for alone in reversed(path):
                yield Step([alone])

    def _follow(self, line: Numbered | None) -> tuple[list[Numbered], list[Numbered]]:
        """The line, the one that has what it wants, and so on; and the circle where it ends."""
        path: list[Numbered] = []
        places: dict[int, int] = {}
        following = "SELECT number, old, new FROM line WHERE old = ? AND is_planned = 0"
        while line is not None and line[0] not in places:
            places[line[0]] = len(path)
            path.append(line)
            line = self._db.execute(following, (line[2],)).fetchone()
        planned = [(number,) for number in places]
        self._db.executemany("UPDATE line SET is_planned = 1 WHERE number = ?", planned)
        place = len(path) if line is None else places[line[0]]
        return path[:place], path[place:]

    def would_rename(self, on: Connection, provider: str, step: Step) -> list[str]:
        """What would come of it, after the steps before it."""
        there = [rekeying.is_linked(on, provider, old) for old, _ in step.renamed]
        if not all(there):
            return [rekeying.INCOMPLETE if is_there else rekeying.MISSING for is_there in there]
        ((_, new),) = step.renamed[:1]
        if len(step.lines) == 1 and self._is_taken(on, provider, new):
            return [rekeying.CONFLICT]
        changed = [(number,) for number, _, _ in step.lines]
        self._db.executemany("UPDATE line SET is_changed = 1 WHERE number = ?", changed)
        return [rekeying.CHANGED] * len(step.lines)

    def _is_taken(self, on: Connection, provider: str, ext_id: str) -> bool:
        def is_any(name: str) -> bool:
            query = f"SELECT 1 FROM line WHERE {name} = ? AND is_changed"  # noqa: S608 - a column
            return self._db.execute(query, (ext_id,)).fetchone() is not None

        is_free = is_any("old") or not rekeying.is_linked(on, provider, ext_id)
        return is_any("new") or not is_free


def run(
    lines: Iterable[Line], report: Report, on: Connection, provider: str, *, dry_run: bool
) -> None:
    """Change what the lines say, and report what came of each."""
    with Plan() as plan:
        for line in lines:
            if errors := plan.add(line):
                old = line.fields.get("old")
                report.note([_judged(line.number, provider, old, errors)], [INVALID])
        for steps in _batches(plan.steps()):
            if dry_run:
                outcomes = [plan.would_rename(on, provider, step) for step in steps]
            elif len(steps[0].lines) > 1:
                outcomes = [rekeying.rename_circle(on, provider, steps[0].renamed)]
            else:
                alone = [step.renamed[0] for step in steps]
                outcomes = [[one] for one in rekeying.rename_each(on, provider, alone)]
            for step, found in zip(steps, outcomes, strict=True):
                _note(report, provider, step, found)


def _batches(steps: Iterator[Step]) -> Iterator[list[Step]]:
    """A circle alone; others several together."""
    batch: list[Step] = []
    for step in steps:
        is_circle = len(step.lines) > 1
        if batch and (is_circle or len(batch) == AT_ONCE):
            yield batch
            batch = []
        if is_circle:
            yield [step]
        else:
            batch.append(step)
    if batch:
        yield batch


def _note(report: Report, provider: str, step: Step, outcomes: Sequence[str]) -> None:
    judged = [
        _judged(number, provider, old, _WHY.get(outcome, ()))
        for (number, old, _), outcome in zip(step.lines, outcomes, strict=True)
    ]
    counted = [rekeying.CONFLICT if one == rekeying.INCOMPLETE else one for one in outcomes]
    report.note(judged, counted)


def _judged(number: int, provider: str, old: object, errors: Sequence[Entry]) -> Judged:
    return Judged(Line(number, {"provider": provider, "ext_id": old}), None, errors)
