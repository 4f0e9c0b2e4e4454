"""scripts/check_additions.py: what a migration may take away, and when."""

import runpy
from pathlib import Path

import pytest

from service.config import MIGRATIONS, ROOT

check = runpy.run_path(str(ROOT / "scripts/check_additions.py"))["check"]

TAKES_AWAY = [
    "op.drop_table('t')",
    "op.drop_column('t', 'c')",
    "op.drop_index('i')",
    "op.drop_constraint('k', 't')",
    "op.rename_table('t', 'u')",
    "op.alter_column('t', 'c', new_column_name='d')",
    "op.alter_column('t', 'c', type_=sa.BigInteger)",
    "op.alter_column('t', 'c', nullable=False)",
    "op.add_column('t', sa.Column('c', sa.Integer, nullable=False))",
    "op.execute('alter table t\\n drop column c')",
    "with op.batch_alter_table('t') as t: t.drop_column('c')",
    "with op.batch_alter_table('t') as t: t.create_check_constraint('k', 'c > 0')",
    "op.create_unique_constraint('k', 't', ['c'])",
    "op.create_foreign_key('k', 't', 'u', ['c'], ['c'])",
    "op.create_index('i', 't', ['c'], unique=True)",
    "op.alter_column('t', 'c', server_default=None)",
    "op.add_column('t', sa.Column('default', sa.Integer, nullable=False))",
    "op.add_column('t', sa.Column('c', sa.Integer, unique=True))",
    "op.add_column('t', sa.Column('c', sa.Integer, sa.ForeignKey('u.c')))",
    "if op.get_context().dialect.name == 'sqlite': op.drop_table('t')",
    "if op.get_bind().dialect.name == 'sqlite': op.drop_table('t')",
    "op.get_bind().execute(sa.text('DROP TABLE t'))",
    "op.execute('ALTER TABLE t ALTER c TYPE text')",
    "op.execute('ALTER TABLE t ALTER COLUMN c\\n  SET  DATA\\n TYPE text')",
    "op.execute('ALTER TABLE t ALTER COLUMN \"the c\" TYPE text')",
    "op.execute('ALTER TABLE t ALTER c SET\\nNOT NULL')",
    "op.execute('ALTER TABLE t RENAME\\nc TO d')",
    "op.execute('ALTER TABLE t ADD c text NOT NULL')",
    "op.execute('ALTER TABLE t ADD c_default text NOT NULL')",
    "op.execute('ALTER TABLE t ADD \"a default\" text NOT NULL')",
    "op.execute('ALTER TABLE t ADD c text NOT NULL, ADD d numeric(3, 2) DEFAULT 1')",
    "op.execute('ALTER TABLE t ADD c text NOT NULL -- DEFAULT')",
    "op.execute('ALTER TABLE t ADD CONSTRAINT k CHECK (c > 0)')",
    "op.execute('ALTER TABLE t ADD UNIQUE (c)')",
    "op.execute('ALTER TABLE t ADD c int REFERENCES u')",
    "op.execute('CREATE UNIQUE INDEX i ON t (c)')",
    "op.execute('CREATE TRIGGER r BEFORE INSERT ON t EXECUTE FUNCTION f()')",
    "op.execute('DO $$ BEGIN EXECUTE 1; END $$')",
]
ADDS = [
    "op.create_table('t', sa.Column('c', sa.Integer, nullable=False))",
    "op.add_column('t', sa.Column('c', sa.Integer))",
    "op.add_column('t', sa.Column('c', sa.Integer, nullable=False, server_default='0'))",
    "op.create_index('i', 't', ['c'])",
    "op.execute('UPDATE t SET c = 1')",
    "op.create_table('t', sa.Column('c')); op.create_unique_constraint('k', 't', ['c'])",
    "op.bulk_insert(op.create_table('t', sa.Column('c', sa.Integer)), [{'c': 1}])",
    "op.alter_column('t', 'c', nullable=True)",
    "op.execute('ALTER TABLE t ADD c numeric(3, 2) DEFAULT 1 NOT NULL, ADD d text')",
    "op.execute('CREATE TABLE t (c text NOT NULL UNIQUE CHECK (c > 0), d int)')",
    "op.execute(\"COMMENT ON TABLE t IS 'what others drop; it is a default'\")",
]


def of(folder: Path, upgrade: str, mark: str = "") -> list[str]:
    (folder / "versions").mkdir()
    (folder / "env.py").touch()
    (folder / "versions/0001_one.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        f"revision = '0001'\ndown_revision = None\n{mark}\ndef upgrade():\n    {upgrade}\n"
    )
    found: list[str] = check(folder)
    return found


@pytest.mark.parametrize("upgrade", TAKES_AWAY)
def test_what_takes_away_is_found(tmp_path: Path, upgrade: str) -> None:
    (sentence,) = of(tmp_path, upgrade)
    assert sentence.startswith("Migration 0001 takes away what the release before needs: ")


@pytest.mark.parametrize("upgrade", ADDS)
def test_what_adds_is_not(tmp_path: Path, upgrade: str) -> None:
    assert of(tmp_path, upgrade) == []


def test_a_second_step_may_take_away(tmp_path: Path) -> None:
    assert of(tmp_path, TAKES_AWAY[0], mark="SECOND_STEP = 'Release 1.3 has done without.'") == []


def test_ours_only_add() -> None:
    assert check(Path(MIGRATIONS)) == []
