"""Create the tables.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _exact(length: int) -> sa.String:
    """Text compared by code point on PostgreSQL too."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _check(table: str, rule: str, name: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def upgrade() -> None:
    op.create_table(
        "social_association",
        sa.Column("provider", _exact(64), nullable=False),
        sa.Column("ext_id", _exact(255), nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("profile_url", sa.String(2048)),
        sa.Column("show_in_profile", sa.Boolean, nullable=False),
        sa.Column("metadata", sa.JSON(none_as_null=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("provider", "ext_id", name="pk_social_association"),
        *(
            _check("social_association", rule, name)
            for rule, name in (
                ("user_id > 0", "user_id_is_positive"),
                ("created_by > 0", "created_by_is_positive"),
                (
                    "length(provider) BETWEEN 1 AND 64 AND provider = lower(provider)",
                    "provider_is_lower_case",
                ),
                ("length(ext_id) BETWEEN 1 AND 255", "ext_id_has_a_length"),
                (
                    "provider <> 'external' OR profile_url IS NULL",
                    "external_has_no_profile_url",
                ),
                (
                    "provider <> 'external' OR NOT show_in_profile",
                    "external_is_not_in_profile",
                ),
                ("provider = 'external' OR metadata IS NULL", "only_external_has_metadata"),
            )
        ),
    )
    op.create_index(
        "ix_social_association_user_id",
        "social_association",
        ["user_id", "created_at", "provider", "ext_id"],
    )
    op.create_table(
        "admin_grant",
        sa.Column("user_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_admin_grant"),
        _check("admin_grant", "user_id > 0", "user_id_is_positive"),
    )


def downgrade() -> None:
    op.drop_table("admin_grant")
    op.drop_table("social_association")
