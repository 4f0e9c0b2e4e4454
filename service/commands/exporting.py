"""Rows as the lines that an import takes."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from service import strict_json
from service.schemas.providers import OF_NAMED, OF_OTHERS, UNSET, Details
from service.store.snapshots import COLUMNS

Row = Sequence[Any]
"""The values of `COLUMNS`."""


def _keys_and_values(details: Details) -> tuple[list[str], Callable[[Row], Any]]:
    keys = [name for name in COLUMNS if name not in UNSET or name in details]
    return keys, itemgetter(*map(COLUMNS.index, keys))


_provider_of = itemgetter(COLUMNS.index("provider"))
_OF_NAMED = {provider: _keys_and_values(details) for provider, details in OF_NAMED.items()}
_OF_OTHERS = _keys_and_values(OF_OTHERS)


class Counted:
    """Rows, counted."""

    def __init__(self, rows: Iterable[Sequence[Row]]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Sequence[Row]]:
        for some in self._rows:
            self.count += len(some)
            yield some


def json_lines(rows: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """A JSON object a line, as many at a time as rows come."""
    for some in rows:
        yield b"".join(map(_json_line, some))


def _json_line(row: Row) -> bytes:
    shown = _shown(row)
    if shown.get("metadata") is not None:
        # What was put there by hand may go over several lines; within JSON's texts no line ends.
        shown["metadata"] = strict_json.Raw(shown["metadata"].replace("\n", " "))
    return strict_json.to_bytes(shown, option=strict_json.LINE)


def csv_lines(rows: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """The names of the columns, then cells; what is null or not the provider's is empty."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    for some in rows:
        writer.writerows(map(_cells, some))
        yield _emptied(text)
    yield _emptied(text)


def _cells(row: Row) -> dict[str, Any]:
    cells = _shown(row)
    if "show_in_profile" in cells:
        cells["show_in_profile"] = "true" if cells["show_in_profile"] else "false"
    return cells


def _shown(row: Row) -> dict[str, Any]:
    """What `DetailedSchema` shows, in a fraction of its time."""
    keys, values = _OF_NAMED.get(_provider_of(row), _OF_OTHERS)
    return dict(zip(keys, values(row), strict=False))  # to be strict takes half as long again


def _emptied(text: io.StringIO) -> bytes:
    found = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return found
