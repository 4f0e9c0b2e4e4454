"""CSV as the lines that an import takes: a record each."""

import csv
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

from service.commands.lines import BLANK, LONGEST, WRONG, Line, Unusable
from service.web.errors import Entry

_CELLS = {"show_in_profile": {"true": True, "false": False}}
"""Columns whose texts stand for values of another type; `metadata` is JSON in any case."""
_MAY_BREAK = {"metadata"}
"""Columns whose cells may hold line ends: JSON may."""


def csv_lines(
    source: Iterable[str], known: Iterable[str], required: Iterable[str]
) -> Iterator[Line]:
    """Cells under the names of the first line; an empty cell is a field left out.

    A record that is not well-formed, as where a quote is never closed, is refused by its first
    line; the next record begins at the line after that one.

    Args:
        known: the columns that there may be; `required` those that there must be.

    Raises:
        Unusable: the first line does not name them.
    """
    csv.field_size_limit(LONGEST)
    records = _Records(source)
    reader = csv.reader(records, strict=True)
    return _records(records, reader, _names(reader, set(known), set(required)))


class _Records:
    """The lines of a file; those of a record can be given back."""

    def __init__(self, source: Iterable[str]) -> None:
        self._source = iter(source)
        self._again: deque[str] = deque()
        self._taken: list[str] = []
        self._size = 0
        self._before = 0

    def begin(self) -> int:
        """Begin a record; gives the number of its first line."""
        self._before += len(self._taken)
        self._taken.clear()
        self._size = 0
        return self._before + 1

    @property
    def are_several(self) -> bool:
        """Whether the record has more lines than one."""
        return len(self._taken) > 1

    def give_back(self) -> None:
        """Let the next record begin at this one's second line."""
        self._again.extendleft(reversed(self._taken[1:]))
        del self._taken[1:]

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        text = self._again.popleft() if self._again else next(self._source)
        self._taken.append(text)
        if len(self._taken) > 1:
            self._check(text)
        return text

    def _check(self, text: str) -> None:
        if text in WRONG:
            raise csv.Error(
                f"line {self._before + len(self._taken)}, within a quote, can't be read"
            )
        self._size = self._size or len(self._taken[0].encode())
        self._size += len(text.encode())
        if self._size > LONGEST:
            raise csv.Error(f"a quote is not closed within {LONGEST // 1024} KiB")


def _records(records: _Records, reader: Iterator[list[str]], names: list[str]) -> Iterator[Line]:
    while True:
        number = records.begin()
        try:
            cells = next(reader)
            if records.are_several:
                _check_breaks(names, cells)
        except StopIteration:
            return
        except csv.Error as error:
            records.give_back()
            why = f"The line is not well-formed CSV: {error}."
            yield Line(number, {}, Entry("parse_error", why))
            continue
        if any(cells) and (len(cells) > 1 or cells[0].strip(BLANK)):
            yield _of_cells(number, names, cells)


def _check_breaks(names: Sequence[str], cells: Sequence[str]) -> None:
    """Refuse line ends where none belong: most likely quotes are missing, and these are lines."""
    for name, cell in zip_longest(names, cells, fillvalue=""):
        if name not in _MAY_BREAK and ("\n" in cell or "\r" in cell):
            raise csv.Error(f"a quote opens a cell of {name or 'no name'} that goes over lines")


def _names(reader: Iterator[list[str]], known: set[str], required: set[str]) -> list[str]:
    try:
        names = [name.strip() for name in next(reader, [])]
    except csv.Error:
        names = []
    named = [name for name in names if name]
    if not required <= set(named) <= known or len(set(named)) < len(named):
        raise Unusable(
            "The first line must name the columns, in UTF-8, separated by commas, each once: "
            f"{', '.join(sorted(required))}"
            + (f"; it may name {', '.join(sorted(known - required))}." if known > required else ".")
        )
    return names


def _of_cells(number: int, names: list[str], cells: list[str]) -> Line:
    for wrong, refusal in WRONG.items():
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
