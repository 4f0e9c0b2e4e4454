"""Migrations only add: in a rolling upgrade the release before goes on serving on the new schema.

What goes, changes its type or its name, or must be filled without a default, goes a release later.
Such a migration says so, and why the release before no longer minds:

    SECOND_STEP = "Release 1.3 reads and writes the column no more."
"""

import io
import re
import sys
from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import Script, ScriptDirectory

TAKES_AWAY = re.compile(
    r"\bDROP\b|\bTRUNCATE\b|\bRENAME\b|\bALTER COLUMN \S+ (TYPE|SET NOT NULL)\b"
    r"|\bADD COLUMN (?:(?!DEFAULT|;).)*\bNOT NULL\b(?:(?!DEFAULT|;).)*;",
    re.IGNORECASE | re.DOTALL,
)


def taken_away(migration: Script) -> list[str]:
    """What its upgrade takes away, as SQL for PostgreSQL; nothing where it is a second step."""
    if getattr(migration.module, "SECOND_STEP", ""):
        return []
    sql = io.StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": sql}
    )
    with Operations.context(context):
        migration.module.upgrade()
    statements = sql.getvalue().split(";")
    return [found.strip() for found in statements if TAKES_AWAY.search(f"{found};")]


def check(migrations: Path) -> list[str]:
    """A sentence for each migration that takes something away."""
    return [
        f"Migration {migration.revision} takes away what the release before needs: {sql}"
        for migration in ScriptDirectory(str(migrations)).walk_revisions()
        for sql in taken_away(migration)
    ]


if __name__ == "__main__":
    sys.exit("\n".join(check(Path(sys.argv[1]))) or 0)
