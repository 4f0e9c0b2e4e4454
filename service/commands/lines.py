"""Lines of a file as fields: JSON, or CSV as spreadsheets write it.

What is wrong with one line is that line's refusal; only a file without usable column names can't
be read at all.
"""

import csv
import os
import stat
from collections.abc import Iterable, Iterator
from json import JSONDecodeError
from typing import Any, BinaryIO, NamedTuple

from service import strict_json
from service.web import edge
from service.web.errors import Entry

LONGEST = edge.LARGEST_BODY
"""Bytes of a line: as many as a request may have."""
_BOM = b"\xef\xbb\xbf"
# No text that was read strictly holds a surrogate: they stand for what is wrong with a line.
_TOO_LONG = "\ud800"
_NOT_UTF_8 = "\ud801"
_WRONG = {
    _TOO_LONG: Entry("too_large", f"The line is longer than {LONGEST // 1024} KiB."),
    _NOT_UTF_8: Entry("parse_error", "The line is not UTF-8."),
}
_CELLS = {"show_in_profile": {"true": True, "false": False}}
"""Columns whose texts stand for values of another type; `metadata` is JSON in any case."""


class Unusable(Exception):
    """The file can't be read at all. Its text is a sentence."""


class Line(NamedTuple):
    number: int
    """In the file, from 1; where a CSV record takes several, its first."""
    fields: dict[str, Any]
    refusal: Entry | None = None
    """Why there are no fields."""


class Source:
    """The lines of a file, as texts."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.position = 0
        """Bytes read so far."""

    def size(self) -> int | None:
        """Bytes in all; None for a pipe and the like."""
        try:
            status = os.fstat(self._file.fileno())
        except OSError:  # no file of the system's at all
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def __iter__(self) -> Iterator[str]:
        while raw := self._read():
            if self.position == len(raw):
                raw = raw.removeprefix(_BOM)
            if len(raw.rstrip(b"\r\n")) > LONGEST:
                while not raw.endswith(b"\n") and (raw := self._read()):
                    pass
                yield _TOO_LONG
                continue
            try:
                yield raw.decode()
            except UnicodeDecodeError:
                yield _NOT_UTF_8

    def _read(self) -> bytes:
        raw = self._file.readline(LONGEST + 2)  # with its end
        self.position += len(raw)
        return raw


def json_lines(source: Iterable[str]) -> Iterator[Line]:
    """A JSON object each; empty lines are skipped."""
    for number, text in enumerate(source, 1):
        if text in _WRONG:
            yield Line(number, {}, _WRONG[text])
        elif not text.isspace():
            yield _of_json(number, text)


def _of_json(number: int, text: str) -> Line:
    try:
        found = strict_json.loads(text)
    except ValueError as error:
        # JSON's own words would count lines too.
        what = f"{error.msg} at {error.pos + 1}" if isinstance(error, JSONDecodeError) else error
        why = f"The line is not well-formed JSON: {what}."
        return Line(number, {}, Entry("parse_error", why))
    if type(found) is not dict:
        return Line(number, {}, Entry("invalid", "The line must be a JSON object."))
    return Line(number, found)


def csv_lines(
    source: Iterable[str], known: Iterable[str], required: Iterable[str]
) -> Iterator[Line]:
    """Cells under the names of the first line; an empty cell is a field left out.

    Args:
        known: the columns that there may be; `required` those that there must be.

    Raises:
        Unusable: the first line does not name them.
    """
    csv.field_size_limit(LONGEST)
    reader = csv.reader(source, strict=True)
    names = _names(reader, set(known), set(required))
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            why = f"The line is not well-formed CSV: {error}."
            yield Line(number, {}, Entry("parse_error", why))
            continue
        if any(cells):
            yield _of_cells(number, names, cells)


def _names(reader: Iterator[list[str]], known: set[str], required: set[str]) -> list[str]:
    try:
        names = [name.strip() for name in next(reader, [])]
    except csv.Error:
        names = []
    named = [name for name in names if name]
    if not required <= set(named) <= known or len(set(named)) < len(named):
        raise Unusable(
            "The first line must name the columns, separated by commas, each once: "
            f"{', '.join(sorted(required))}"
            + (f"; it may name {', '.join(sorted(known - required))}." if known > required else ".")
        )
    return names


def _of_cells(number: int, names: list[str], cells: list[str]) -> Line:
    for wrong, refusal in _WRONG.items():
        if any(wrong in cell for cell in cells):
            return Line(number, {}, refusal)
    if any(cells[len(names) :]):
        why = "The line has more cells than the first line has names."
        return Line(number, {}, Entry("parse_error", why))
    found: dict[str, Any] = {name: cell for name, cell in zip(names, cells, strict=False) if cell}
    if "" in found:
        why = "A cell of this line stands under no name in the first line."
        return Line(number, {}, Entry("parse_error", why))
    for name, values in _CELLS.items():
        if name in found:
            # Spreadsheets write booleans in capitals.
            found[name] = values.get(found[name].lower(), found[name])
    return Line(number, found)
