"""Lines of a file, and JSON lines as fields; for CSV see `records`.

What is wrong with one line is that line's refusal; only a file without usable column names can't
be read at all.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from json import JSONDecodeError
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from service import strict_json
from service.web import edge
from service.web.errors import Entry

LONGEST = edge.LARGEST_BODY
"""Bytes of a line, or of a CSV record in all its lines: as many as a request may have."""
_BOM = b"\xef\xbb\xbf"
# No text that was read strictly holds a surrogate: they stand for what is wrong with a line.
_TOO_LONG = "\ud800"
_NOT_UTF_8 = "\ud801"
WRONG = {
    _TOO_LONG: Entry("too_large", f"The line is longer than {LONGEST // 1024} KiB."),
    _NOT_UTF_8: Entry("parse_error", "The line is not UTF-8."),
}
BLANK = " \t\r\n"
"""What an empty line consists of. Other white space is something that somebody typed."""


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
        status = self._status()
        return None if status is None else status.st_size

    def is_at(self, path: Path) -> bool:
        """Whether it is the regular file of this name, whatever name it was opened by."""
        status = self._status()
        return status is not None and path.exists() and os.path.samestat(status, path.stat())

    def _status(self) -> os.stat_result | None:
        """Of a regular file."""
        try:
            status = os.fstat(self._file.fileno())
        except OSError:  # no file of the system's at all
            return None
        return status if stat.S_ISREG(status.st_mode) else None

    def __iter__(self) -> Iterator[str]:
        is_first = True
        # The mark at the beginning is no part of the first line, which may be as long as others.
        while raw := self._read(len(_BOM) if is_first else 0):
            if is_first:
                raw, is_first = raw.removeprefix(_BOM), False
            if len(raw.rstrip(b"\r\n")) > LONGEST:
                while not raw.endswith(b"\n") and (raw := self._read()):
                    pass
                yield _TOO_LONG
                continue
            try:
                yield raw.decode()
            except UnicodeDecodeError:
                yield _NOT_UTF_8

    def _read(self, more: int = 0) -> bytes:
        raw = self._file.readline(LONGEST + 2 + more)  # with its end
        self.position += len(raw)
        return raw


def json_lines(source: Iterable[str]) -> Iterator[Line]:
    """A JSON object each; empty lines are skipped."""
    for number, text in enumerate(source, 1):
        if text in WRONG:
            yield Line(number, {}, WRONG[text])
        elif text.strip(BLANK):
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
