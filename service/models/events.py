"""The events, their numbers, and how far each webhook has them."""

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from service.database import Model
from service.models.columns import EXACT_64, EXACT_255, UtcDateTime

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
    provider: Mapped[str | None] = mapped_column(EXACT_64)
    ext_id: Mapped[str | None] = mapped_column(EXACT_255)
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
