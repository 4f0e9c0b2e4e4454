"""Rows as the lines that an import takes."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from service.schemas.detailed import DetailedSchema
from service.schemas.providers import OF_NAMED, UNSET, details_of

_NAMES = tuple(DetailedSchema().fields)


def _keys(provider: str) -> list[str]:
    return [name for name in _NAMES if name not in UNSET or name in details_of(provider)]


KEYS: Mapping[str | None, Sequence[str]] = {None: _keys(""), **{of: _keys(of) for of in OF_NAMED}}
"""What `DetailedSchema` shows: for each provider that is named there, and for all others."""


class Counted:
    """Rows, counted; the next are fetched while those before are written."""

    def __init__(self, rows: Iterator[Sequence[Any]]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Sequence[Any]]:
        with ThreadPoolExecutor(max_workers=1) as database:
            fetched: Future[Sequence[Any]] = database.submit(next, self._rows, ())
            while some := fetched.result():
                fetched = database.submit(next, self._rows, ())
                self.count += len(some)
                yield some


def json_lines(rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """A JSON object a line, which the database has written; as many at a time as rows come."""
    for some in rows:
        yield "\n".join([*(row.json for row in some), ""]).encode()


def csv_lines(rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """The names of the columns, then cells; what is null or not the provider's is empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _NAMES)
    writer.writeheader()
    for some in rows:
        for row in some:
            writer.writerow(_cells(row))
        yield _emptied(text)
    yield _emptied(text)


def _cells(row: Any) -> dict[str, Any]:
    cells = DetailedSchema.representation(row)
    if "show_in_profile" in cells:
        cells["show_in_profile"] = "true" if row.show_in_profile else "false"
    if "metadata" in cells:
        cells["metadata"] = row.metadata
    return cells


def _emptied(text: io.StringIO) -> bytes:
    found = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return found
