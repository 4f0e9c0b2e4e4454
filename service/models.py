"""The tables. The conditional rules of the schemas stand here again, as CHECK constraints."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from service.database import Model

# Compared and sorted by code point on PostgreSQL too, whatever the database's locale is;
# SQLite does so by itself.
_EXACT_64 = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
_EXACT_255 = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")


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


class Association(Model):
    """User `user_id` is known to `provider` under `ext_id`."""

    __tablename__ = "social_association"
    __table_args__ = (
        # Decides who has a pair; nothing is looked up before an insert.
        sa.PrimaryKeyConstraint("provider", "ext_id"),
        # Serves the list in its order, and the count for the cap.
        sa.Index("ix_social_association_user_id", "user_id", "created_at", "provider", "ext_id"),
        # Serves the search by maker. Most links users make themselves: those it leaves out, so
        # that they take no more time.
        sa.Index(
            "ix_social_association_created_by",
            "created_by",
            "provider",
            "ext_id",
            postgresql_where=sa.text("created_by <> user_id"),
            sqlite_where=sa.text("created_by <> user_id"),
        ),
        sa.CheckConstraint("user_id > 0", "user_id_is_positive"),
        sa.CheckConstraint("created_by > 0", "created_by_is_positive"),
        sa.CheckConstraint(
            "length(provider) BETWEEN 1 AND 64 AND provider = lower(provider)",
            "provider_is_lower_case",
        ),
        sa.CheckConstraint("length(ext_id) BETWEEN 1 AND 255", "ext_id_has_a_length"),
        sa.CheckConstraint(
            "provider <> 'external' OR profile_url IS NULL", "external_has_no_profile_url"
        ),
        sa.CheckConstraint(
            "provider <> 'external' OR NOT show_in_profile", "external_is_not_in_profile"
        ),
        sa.CheckConstraint(
            "provider = 'external' OR metadata IS NULL", "only_external_has_metadata"
        ),
    )

    provider: Mapped[str] = mapped_column(_EXACT_64)
    ext_id: Mapped[str] = mapped_column(_EXACT_255)
    user_id: Mapped[int] = mapped_column(sa.BigInteger)
    profile_url: Mapped[str | None] = mapped_column(sa.String(2048))
    show_in_profile: Mapped[bool]
    # The attribute `metadata` is SQLAlchemy's own. `JSON` keeps what was sent as it was;
    # PostgreSQL's jsonb would turn 1e300 into 301 digits (docs/decisions).
    metadata_: Mapped[dict[str, Any] | None] = mapped_column("metadata", sa.JSON(none_as_null=True))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Who made it: a link that users made themselves proves no login at the provider.
    created_by: Mapped[int] = mapped_column(sa.BigInteger)


class AdminGrant(Model):
    """User `user_id` has the admin role, though the platform's tokens don't say so."""

    __tablename__ = "admin_grant"
    __table_args__ = (
        sa.PrimaryKeyConstraint("user_id"),
        sa.CheckConstraint("user_id > 0", "user_id_is_positive"),
    )

    user_id: Mapped[int] = mapped_column(sa.BigInteger, autoincrement=False)
    granted_at: Mapped[datetime] = mapped_column(UtcDateTime)


EVENT_TYPES: Mapping[str, tuple[str, ...]] = {
    "association.created": (),
    "association.changed": ("changed",),
    "association.deleted": (),
    "association.transferred": ("from_user_id",),
    "user.erased": ("deleted",),
}
"""Each with the columns that it has beside those of all."""


class Event(Model):
    """One change of one association, or the erasure of a user.

    Written in the transaction of the change. The feed's `id` is given when somebody first reads,
    and grows in the order in which changes became visible; `seq` is taken when a row is written,
    so a reader of `seq > n` would miss what commits late.
    """

    __tablename__ = "social_event"
    __table_args__ = (
        sa.PrimaryKeyConstraint("seq"),
        sa.Index(
            "uq_social_event_id",
            "id",
            unique=True,
            postgresql_where=sa.text("id IS NOT NULL"),
            sqlite_where=sa.text("id IS NOT NULL"),
        ),
        # What has no id yet: a handful of rows, however large the table is.
        sa.Index(
            "ix_social_event_unnumbered",
            "seq",
            postgresql_where=sa.text("id IS NULL"),
            sqlite_where=sa.text("id IS NULL"),
        ),
        # A user's history and erasure.
        sa.Index("ix_social_event_user_id", "user_id", "id"),
        sa.Index(
            "ix_social_event_from_user_id",
            "from_user_id",
            "id",
            postgresql_where=sa.text("from_user_id IS NOT NULL"),
            sqlite_where=sa.text("from_user_id IS NOT NULL"),
        ),
        sa.CheckConstraint("type IN ('" + "', '".join(EVENT_TYPES) + "')", "type_is_known"),
        sa.CheckConstraint("user_id > 0", "user_id_is_positive"),
        sa.CheckConstraint(
            "(type = 'user.erased') = (provider IS NULL) AND (provider IS NULL) = (ext_id IS NULL)",
            "all_but_erasure_have_a_pair",
        ),
        sa.CheckConstraint(
            "(type = 'association.changed') = (changed IS NOT NULL)", "changes_name_their_fields"
        ),
        sa.CheckConstraint(
            "(type = 'association.transferred') = (from_user_id IS NOT NULL)",
            "transfers_name_the_former_user",
        ),
        sa.CheckConstraint("(type = 'user.erased') = (deleted IS NOT NULL)", "erasures_count"),
    )

    # SQLite numbers its rows only under an INTEGER key.
    seq: Mapped[int] = mapped_column(sa.BigInteger().with_variant(sa.Integer, "sqlite"))
    id: Mapped[int | None] = mapped_column(sa.BigInteger)
    type: Mapped[str] = mapped_column(sa.String(32))
    occurred_at: Mapped[datetime] = mapped_column(UtcDateTime)
    user_id: Mapped[int] = mapped_column(sa.BigInteger)
    provider: Mapped[str | None] = mapped_column(_EXACT_64)
    ext_id: Mapped[str | None] = mapped_column(_EXACT_255)
    # Who did it and in which request; null for commands.
    actor_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    request_id: Mapped[str | None] = mapped_column(sa.String(128))
    # The names of the fields that were set, sorted, with commas between them.
    changed: Mapped[str | None] = mapped_column(sa.String(255))
    from_user_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    deleted: Mapped[int | None] = mapped_column(sa.BigInteger)


class EventCounter(Model):
    """The one row whose lock makes numbering events a thing that one does at a time."""

    __tablename__ = "social_event_counter"
    __table_args__ = (
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("id = 1", "there_is_one_row"),
        sa.CheckConstraint("pruned_id <= last_id", "pruned_events_had_an_id"),
    )

    id: Mapped[int] = mapped_column(sa.Integer, autoincrement=False)
    # The largest id that was given, and the largest that was pruned.
    last_id: Mapped[int] = mapped_column(sa.BigInteger)
    pruned_id: Mapped[int] = mapped_column(sa.BigInteger)


class Webhook(Model):
    """How far the events are delivered to one address."""

    __tablename__ = "social_webhook"
    __table_args__ = (
        sa.PrimaryKeyConstraint("url"),
        sa.CheckConstraint("acknowledged_id >= 0 AND attempts >= 0", "nothing_is_negative"),
        sa.CheckConstraint(
            "(attempts = 0) = (failing_id IS NULL) "
            "AND (failing_id IS NULL) = (failing_since IS NULL) "
            "AND (failing_id IS NULL) = (next_attempt_at IS NULL)",
            "failures_have_an_event_and_times",
        ),
    )

    url: Mapped[str] = mapped_column(sa.String(2048))
    # All events up to this one were acknowledged, given up or are gone.
    acknowledged_id: Mapped[int] = mapped_column(sa.BigInteger)
    # Of the event that comes next, when attempts have failed.
    failing_id: Mapped[int | None] = mapped_column(sa.BigInteger)
    attempts: Mapped[int] = mapped_column(sa.Integer)
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_attempt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Since the receiver said that it is gone for good.
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
