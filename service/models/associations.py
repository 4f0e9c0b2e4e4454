"""The associations, and who is an admin by a grant."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from service.database import Model
from service.models.columns import EXACT_64, EXACT_255, UtcDateTime


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

    provider: Mapped[str] = mapped_column(EXACT_64)
    ext_id: Mapped[str] = mapped_column(EXACT_255)
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
