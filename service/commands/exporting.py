"""Rows as the lines that an import takes."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from service import strict_json
from service.schemas.detailed import DetailedSchema

_NAMES = tuple(DetailedSchema().fields)


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
    """A JSON object a line; gives them as many at a time as there are rows."""
    for some in rows:
        lines = [strict_json.to_bytes(DetailedSchema.representation(row)) for row in some]
        yield b"\n".join([*lines, b""])


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
