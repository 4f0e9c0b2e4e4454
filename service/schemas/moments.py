"""How a moment is written, and read."""

import re
from datetime import UTC, datetime
from typing import Any

from service.schemas.fields import Field, form

_is_rfc_3339 = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:[0-5]\d)", re.ASCII
).fullmatch


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC, with microseconds and `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"


class Moment(Field):
    rule = (
        "A moment of the years 1970 to 9998 as RFC 3339 has it, with Z or an offset, to the "
        "microsecond at most."
    )
    accepted = (form("2026-11-26T07:00:00.123456Z", type="string", format="date-time"),)

    def _deserialize(self, value: Any, attr: Any, data: Any, **_: Any) -> datetime:
        if type(value) is not str or not _is_rfc_3339(value):
            raise self.make_error("invalid")
        try:
            moment = datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):  # no such day; beyond what there is
            raise self.make_error("invalid") from None
        # Beyond these a database's time zone could carry it out of Python's years.
        if not 1970 <= moment.year <= 9998:
            raise self.make_error("invalid")
        return moment
