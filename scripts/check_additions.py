"""Migrations only add: in a rolling upgrade the release before goes on serving on the new schema.

What goes, changes its type or its name, must be filled without a default, or forbids rows in a
table that is there already (a constraint, a trigger), goes a release later. Such a migration says
so, and why the release before no longer minds:

    SECOND_STEP = "Release 1.3 reads and writes the column no more."
"""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from alembic.migration import MigrationContext
from alembic.operations import AbstractOperations, Operations, ops
from alembic.script import Script, ScriptDirectory

DIALECTS = ("postgresql", "sqlite")

# What a statement says, without names and values that may look like words of it.
_NO_WORDS = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
_BODY = re.compile(r"(\$\w*\$).*?\1", re.DOTALL)
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_BRACKETS = re.compile(r"\([^()]*\)")

_TAKES_AWAY = re.compile(
    r"\b(?:DROP|TRUNCATE|RENAME|REVOKE|DO)\b"
    r"|\bALTER (?:COLUMN )?\S+ (?:(?:SET DATA )?TYPE|SET NOT NULL)\b"
    r"|\bADD (?:CONSTRAINT \S+ )?(?:UNIQUE|CHECK|FOREIGN KEY|PRIMARY KEY|EXCLUDE)\b"
    r"|\bCREATE (?:OR REPLACE )?(?:UNIQUE INDEX|(?:CONSTRAINT )?TRIGGER|RULE)\b",
    re.IGNORECASE,
)
_MUST_BE_FILLED = re.compile(
    r"\bADD (?!.*\b(?:DEFAULT|GENERATED)\b).*\b(?:NOT NULL|PRIMARY KEY)\b"
    r"|\bADD .*\b(?:UNIQUE|CHECK|REFERENCES)\b",
    re.IGNORECASE,
)


def taken_away(migration: Script) -> list[str]:
    """What its upgrade takes away on either database; nothing where it is a second step."""
    if getattr(migration.module, "SECOND_STEP", ""):
        return []
    found = [text for name in DIALECTS for text in _taken_away(_operations(migration, name))]
    return list(dict.fromkeys(found))


def _operations(migration: Script, dialect: str) -> list[Any]:
    """Alembic's operations, of which none is carried out."""
    context = MigrationContext.configure(
        dialect_name=dialect, opts={"as_sql": True, "output_buffer": io.StringIO()}
    )
    noted: list[Any] = []

    def note(_: object, operation: Any) -> Any:
        noted.append(operation)
        is_table = isinstance(operation, ops.CreateTableOp)
        return operation.to_table(context) if is_table else None

    bind = SimpleNamespace(
        dialect=context.dialect,
        execute=lambda statement, *_: noted.append(ops.ExecuteSQLOp(statement)),
    )
    with (
        patch.object(AbstractOperations, "invoke", note),
        patch.object(AbstractOperations, "get_bind", lambda _: bind),
        Operations.context(context),
    ):
        migration.module.upgrade()
    return noted


def _taken_away(operations: list[Any]) -> Iterator[str]:
    new: set[str] = set()
    for operation in operations:
        if isinstance(operation, ops.CreateTableOp):
            new.add(operation.table_name)
        elif isinstance(operation, ops.ExecuteSQLOp):
            yield from _in_sql(str(operation.sqltext))
        # The release before does not know a new table, so it misses nothing there.
        elif _table(operation) not in new and _is_taking(operation):
            yield f"{type(operation).__name__} {_table(operation)}"


def _table(operation: Any) -> str | None:
    names = (getattr(operation, name, None) for name in ("table_name", "source_table"))
    return next(filter(None, names), None)


def _is_taking(operation: Any) -> bool:
    match operation:
        case ops.AddColumnOp(column=column):
            must_be_filled = not column.nullable and column.server_default is None
            return bool(must_be_filled or column.unique or column.foreign_keys)
        case ops.AlterColumnOp():
            return (
                operation.modify_type is not None
                or operation.modify_name is not None
                or operation.modify_nullable is False
                or operation.modify_server_default is None
            )
        case ops.CreateIndexOp():
            return bool(operation.unique)
        case ops.CreateTableCommentOp() | ops.DropTableCommentOp() | ops.BulkInsertOp():
            return False
    return True  # what drops, renames, constrains; and what nobody has thought of


def _in_sql(text: str) -> Iterator[str]:
    text = _QUOTED.sub("q", _BODY.sub("''", _NO_WORDS.sub("''", text)))
    while _BRACKETS.search(text):
        text = _BRACKETS.sub("", text)
    for statement in text.split(";"):
        sentence = " ".join(statement.split())
        clauses = sentence.split(",")
        if _TAKES_AWAY.search(sentence) or any(map(_MUST_BE_FILLED.search, clauses)):
            yield sentence


def check(migrations: Path) -> list[str]:
    """A sentence for each migration that takes something away."""
    return [
        f"Migration {migration.revision} takes away what the release before needs: {what}"
        for migration in ScriptDirectory(str(migrations)).walk_revisions()
        for what in taken_away(migration)
    ]


if __name__ == "__main__":
    sys.exit("\n".join(check(Path(sys.argv[1]))) or 0)
