"""An import: lines are judged here while the database works on those before."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from typing import Any, NamedTuple, TextIO

from flask import current_app
from marshmallow import ValidationError

from service.commands.beside import Beside
from service.commands.lines import Line
from service.commands.output import named
from service.schemas.lines import KEPT, LineSchema
from service.store import bulk, rekeying
from service.web.errors import Entry
from service.web.parser import entries_of_error, with_few_unknown, with_listed_provider

INVALID = "invalid"
OUTCOMES = (bulk.CREATED, bulk.UNCHANGED, bulk.CONFLICT, INVALID)
REFUSED = (bulk.CONFLICT, INVALID, rekeying.MISSING)
# The same for each: never whose the pair is.
_TAKEN = [Entry("unique", "This provider and ext_id are linked already, or with other values.")]
LONGEST_TEXT = 255
"""Characters of a refused line's provider and ext_id that are repeated."""
LONGEST_BATCH = 1024 * 1024
"""Bytes, and a line more. What was read from them takes many times as much."""
SWITCH_INTERVAL = 0.0005
"""Seconds for which a thread computes while the other one wants to."""

_schema = LineSchema()


class Judged(NamedTuple):
    line: Line
    new: bulk.New | None
    """What is to be made of it."""
    errors: Sequence[Entry] = ()
    """Why that is nothing."""


def judge(line: Line, *, listed: Collection[str]) -> Judged:
    """By the schema of a create; `listed` are the providers that may be linked, any if none."""
    if line.refusal is not None:
        return Judged(line, None, [line.refusal])
    found = with_listed_provider(line.fields, listed)
    try:
        fields = _schema.load(with_few_unknown(found, _schema))
    except ValidationError as error:
        return Judged(line, None, entries_of_error(error))
    kept = {name: fields.pop(name) for name in KEPT & fields.keys()}
    return Judged(line, bulk.New(fields, **kept))


class Report:
    """Counts what came of the lines, and writes down those that were refused."""

    def __init__(self, errors: TextIO, outcomes: Sequence[str] = OUTCOMES) -> None:
        self.counts = Counter(dict.fromkeys(outcomes, 0))
        self._errors = errors

    @property
    def refused(self) -> int:
        return sum(self.counts[outcome] for outcome in REFUSED)

    def note(self, judged: Sequence[Judged], outcomes: Sequence[str]) -> None:
        with named(self._errors.name):
            for one, outcome in zip(judged, outcomes, strict=True):
                self.counts[outcome] += 1
                if outcome in REFUSED:
                    self._write(one.line, outcome, one.errors or _TAKEN)
            self._errors.flush()

    def _write(self, line: Line, outcome: str, errors: Sequence[Entry]) -> None:
        pair = {name: _as_it_stands(line.fields.get(name)) for name in ("provider", "ext_id")}
        found = [entry.as_json() for entry in errors]
        # ASCII: what is refused may be no valid Unicode.
        json.dump({"line": line.number, **pair, "outcome": outcome, "errors": found}, self._errors)
        self._errors.write("\n")


def _as_it_stands(value: Any) -> str | int | None:
    """A pair's part, where it could be one."""
    if type(value) is str:
        return value.encode(errors="backslashreplace").decode()[:LONGEST_TEXT]
    if type(value) is not int:
        return None
    digits = str(value)
    return value if len(digits) <= LONGEST_TEXT else digits[:LONGEST_TEXT]


Rehearse = Callable[[Sequence[bulk.New]], Sequence[str]]
"""Gives the outcomes of what may be made."""
Write = Callable[..., Sequence[str]]
"""The same; calls `sent` when the database has it all, and works."""


def run(
    lines: Iterable[Line],
    report: Report,
    *,
    writer: Beside[list[str]],
    write: Write | None,
    rehearse: Rehearse | None,
    at_once: int,
    position: Callable[[], int],
    most_refused: int | None = None,
    progress: Callable[[int], None],
) -> None:
    """Import lines, in batches. The application's context is needed for `PROVIDERS`.

    Args:
        writer: the thread that calls `write`.
        write: makes what is to be made; without it nothing is.
        rehearse: says what `write` would do; needed without it, and with `most_refused`, so as
            to make nothing after the last line that may be refused.
        at_once: lines in a batch, fewer where they are long; there are two of them in memory.
        position: gives the bytes that `lines` have taken so far.
        progress: called with the number of lines after each batch.
    """
    judged = map(partial(judge, listed=current_app.config["PROVIDERS"]), lines)
    under_way: list[Judged] | None = None

    def finish() -> None:
        if under_way is not None:
            report.note(under_way, writer.result())
            progress(len(under_way))

    with _undisturbed():
        while batch := _batch(judged, at_once, position):
            finish()
            under_way, is_last = None, False
            # More may be refused than was rehearsed: others write meanwhile.
            if most_refused is not None and report.refused >= most_refused:
                break
            if rehearse is not None:
                outcomes = _outcomes(batch, rehearse)
                if most_refused is not None:
                    batch, is_last = _cut(batch, outcomes, most_refused - report.refused)
            if write is not None:
                under_way, sent = batch, SimpleQueue[None]()
                writer.ask(partial(_written, batch, write, partial(sent.put, None)))
                # Python computes in one thread at a time: lines are judged while the other waits.
                sent.get()
            else:
                report.note(batch, outcomes[: len(batch)])
                progress(len(batch))
            if is_last:
                break
        finish()


def _batch(judged: Iterator[Judged], at_once: int, position: Callable[[], int]) -> list[Judged]:
    batch: list[Judged] = []
    end = position() + LONGEST_BATCH
    for one in judged:
        batch.append(one)
        if len(batch) == at_once or position() >= end:
            break
    return batch


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Each answer of the database's found the other thread with 5 ms to go."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _written(batch: Sequence[Judged], write: Write, sent: Callable[[], None]) -> list[str]:
    try:
        return _outcomes(batch, partial(write, sent=sent))
    finally:
        sent()  # also where it came to nothing


def _outcomes(batch: Sequence[Judged], write: Rehearse) -> list[str]:
    found = iter(write([one.new for one in batch if one.new is not None]))
    return [INVALID if one.new is None else next(found) for one in batch]


def _cut(batch: list[Judged], outcomes: list[str], most: int) -> tuple[list[Judged], bool]:
    """The lines up to the last that may be refused, and whether that is all there may be."""
    for place in _refused(outcomes):
        most -= 1
        if most == 0:
            return batch[: place + 1], True
    return batch, False


def _refused(outcomes: Sequence[str]) -> Iterator[int]:
    return (place for place, outcome in enumerate(outcomes) if outcome in REFUSED)
