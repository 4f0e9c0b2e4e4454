"""Types of columns: what both kinds of database keep, compare and sort alike."""

from datetime import UTC, datetime

import sqlalchemy as sa

# Compared and sorted by code point on PostgreSQL too, whatever the database's locale is;
# SQLite does so by itself.
EXACT_64 = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
EXACT_255 = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """A moment, to the microsecond; always an aware datetime in UTC.

    SQLite has no such type and its CURRENT_TIMESTAMP has whole seconds: there it is text
    that sorts by time.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        return value if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
