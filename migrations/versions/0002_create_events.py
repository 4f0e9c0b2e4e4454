"""Create the events, and an index of the associations that users did not make themselves.

It only adds: release 1.0 goes on serving on this schema, without writing events.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def _exact(length: int) -> sa.String:
    """Text compared by code point on PostgreSQL too."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _check(table: str, rule: str, name: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}"))


def _partial_index(
    name: str, columns: list[str], where: str, *, table: str = "social_event", **options: bool
) -> None:
    op.create_index(
        name,
        table,
        columns,
        **options,
        postgresql_where=sa.text(where),
        sqlite_where=sa.text(where),
    )


def upgrade() -> None:
    op.create_table(
        "social_event",
        # SQLite numbers its rows only under an INTEGER key.
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("id", sa.BigInteger),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.Column("provider", _exact(64)),
        sa.Column("ext_id", _exact(255)),
        sa.Column("actor_id", sa.BigInteger),
        sa.Column("request_id", sa.String(128)),
        sa.Column("changed", sa.String(255)),
        sa.Column("from_user_id", sa.BigInteger),
        sa.Column("deleted", sa.BigInteger),
        sa.PrimaryKeyConstraint("seq", name="pk_social_event"),
        *(
            _check("social_event", rule, name)
            for rule, name in (
                (
                    "type IN ('association.created', 'association.changed', "
                    "'association.deleted', 'association.transferred', 'user.erased')",
                    "type_is_known",
                ),
                ("user_id > 0", "user_id_is_positive"),
                (
                    "(type = 'user.erased') = (provider IS NULL) "
                    "AND (provider IS NULL) = (ext_id IS NULL)",
                    "all_but_erasure_have_a_pair",
                ),
                (
                    "(type = 'association.changed') = (changed IS NOT NULL)",
                    "changes_name_their_fields",
                ),
                (
                    "(type = 'association.transferred') = (from_user_id IS NOT NULL)",
                    "transfers_name_the_former_user",
                ),
                ("(type = 'user.erased') = (deleted IS NOT NULL)", "erasures_count"),
            )
        ),
    )
    _partial_index("uq_social_event_id", ["id"], "id IS NOT NULL", unique=True)
    _partial_index("ix_social_event_unnumbered", ["seq"], "id IS NULL")
    op.create_index("ix_social_event_user_id", "social_event", ["user_id", "id"])
    _partial_index(
        "ix_social_event_from_user_id", ["from_user_id", "id"], "from_user_id IS NOT NULL"
    )
    counter = op.create_table(
        "social_event_counter",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("last_id", sa.BigInteger, nullable=False),
        sa.Column("pruned_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_social_event_counter"),
        _check("social_event_counter", "id = 1", "there_is_one_row"),
        _check("social_event_counter", "pruned_id <= last_id", "pruned_events_had_an_id"),
    )
    op.create_table(
        "social_webhook",
        sa.Column("url", sa.String(2048), nullable=False),
        sa.Column("acknowledged_id", sa.BigInteger, nullable=False),
        sa.Column("failing_id", sa.BigInteger),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True)),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True)),
        sa.Column("stopped_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("url", name="pk_social_webhook"),
        _check("social_webhook", "acknowledged_id >= 0 AND attempts >= 0", "nothing_is_negative"),
        _check(
            "social_webhook",
            "(attempts = 0) = (failing_id IS NULL) "
            "AND (failing_id IS NULL) = (failing_since IS NULL) "
            "AND (failing_id IS NULL) = (next_attempt_at IS NULL)",
            "failures_have_an_event_and_times",
        ),
    )
    _partial_index(
        "ix_social_association_created_by",
        ["created_by", "provider", "ext_id"],
        "created_by <> user_id",
        table="social_association",
        # Writes wait while it is made; where that takes long, it was made before (CHANGELOG.md).
        if_not_exists=True,
    )
    op.bulk_insert(counter, [{"id": 1, "last_id": 0, "pruned_id": 0}])


def downgrade() -> None:
    op.drop_index("ix_social_association_created_by", "social_association")
    op.drop_table("social_webhook")
    op.drop_table("social_event_counter")
    op.drop_table("social_event")
