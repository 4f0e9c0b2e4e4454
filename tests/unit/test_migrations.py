"""The migrations go up, down and up again, and make what the models say."""

import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import flask_migrate
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask

from service.config import MIGRATIONS, ROOT
from service.database import db, execute, migration
from service.database.statements import Statement
from service.store import admins
from tests.support.databases import KINDS, application, empty_postgresql, migrate
from tests.support.gunicorn import environment
from tests.support.waiting import eventually

Schema = dict[str, Any]

ON_POSTGRESQL = {
    # By name: a column that was added later stands last.
    "columns": """
        SELECT table_name, column_name, data_type, character_maximum_length,
               collation_name, is_nullable, column_default, is_identity
        FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2""",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2""",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    "others": """
        SELECT relkind, relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace ORDER BY 1, 2""",
}


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database of the test's own, with nothing in it."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
    else:
        with empty_postgresql(request.getfixturevalue("postgresql_url")) as url:
            yield url


@pytest.fixture
def app(empty_url: str) -> Iterator[Flask]:
    with application(empty_url) as app:
        yield app


def schema() -> Schema:
    """What the current application's database holds, but for Alembic's own table."""
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            query = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
            return {
                f"{row.type} {row.name}": normal(row.sql)
                for row in connection.execute(sa.text(query))
                if "alembic_version" not in row.name
            }
        return {
            f"{kind} {number}": tuple(row)
            for kind, query in ON_POSTGRESQL.items()
            for number, row in enumerate(connection.execute(sa.text(query)))
            if "alembic_version" not in str(row)
        }


def normal(sql: str | None) -> set[str]:
    """A statement's parts. The order of a table's constraints means nothing, nor the quotes that
    SQLite puts around its name once it was altered."""
    head, _, parts = re.sub(r"\s+", " ", sql or "").replace('"', "").partition("(")
    return {head.strip(), *(part.strip(" ,)(") for part in re.split(r", (?![^(]*\))", parts))}


def create_from_models() -> None:
    with db.engine.connect() as connection:
        for table in db.metadata.sorted_tables:
            connection.execute(sa.schema.CreateTable(table))
            for index in table.indexes:
                connection.execute(sa.schema.CreateIndex(index))


def test_upgrade_reaches_the_newest_revision(app: Flask) -> None:
    flask_migrate.upgrade()
    assert migration.current(execute) == ScriptDirectory(MIGRATIONS).get_current_head()


def test_upgrading_twice_changes_nothing(app: Flask) -> None:
    flask_migrate.upgrade()
    before = schema()
    flask_migrate.upgrade()
    assert schema() == before


def test_downgrade_to_base_leaves_nothing_behind(app: Flask) -> None:
    flask_migrate.upgrade()
    flask_migrate.downgrade(revision="base")
    assert schema() == {}
    assert migration.current(execute) is None


def test_downgrade_and_upgrade_again_make_the_same(app: Flask) -> None:
    flask_migrate.upgrade()
    before = schema()
    flask_migrate.downgrade(revision="base")
    flask_migrate.upgrade()
    assert schema() == before != {}


def test_each_migration_goes_down_and_up_by_itself(app: Flask) -> None:
    for script in reversed(list(ScriptDirectory(MIGRATIONS).walk_revisions())):
        flask_migrate.upgrade(revision=script.revision)
        flask_migrate.downgrade(revision="-1")
        flask_migrate.upgrade(revision=script.revision)


def test_there_is_one_head() -> None:
    assert len(ScriptDirectory(MIGRATIONS).get_heads()) == 1


def test_autogenerate_finds_nothing_to_do(app: Flask) -> None:
    flask_migrate.upgrade()
    with db.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), db.metadata)
    assert found == []


def test_migrations_and_models_make_the_same_tables_checks_and_collations(app: Flask) -> None:
    flask_migrate.upgrade()
    migrated = schema()
    flask_migrate.downgrade(revision="base")
    create_from_models()
    assert schema() == migrated
    assert "only_external_has_metadata" in str(migrated)


def test_upgrade_keeps_the_rows(app: Flask) -> None:
    flask_migrate.upgrade()
    admins.grant(7)
    flask_migrate.upgrade()
    assert admins.all_granted() == [7]


UPGRADE = """
from flask_migrate import upgrade
from wsgi import app
with app.app_context():
    print("ready", flush=True)
    input()
    upgrade()
"""


def test_several_upgrades_at_once_all_succeed(empty_url: str, tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", UPGRADE],
            cwd=ROOT,
            env=environment(tmp_path, DATABASE_URL=empty_url),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), errors
    with application(empty_url):
        assert migration.current(execute) == ScriptDirectory(MIGRATIONS).get_current_head()


def test_an_upgrade_waits_for_one_that_is_under_way(empty_url: str) -> None:
    url = sa.make_url(empty_url.replace("postgresql:", "postgresql+psycopg:"))
    is_through = threading.Event()

    def upgrade() -> None:
        with migration.alone(url) as connection, connection.begin():
            is_through.set()

    other = threading.Thread(target=upgrade)
    with migration.alone(url) as connection, connection.begin():
        other.start()
        assert not is_through.wait(0.5)
    assert is_through.wait(5)
    other.join()


def test_an_upgrade_waits_for_who_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads is in the way of a commit, in a file that no service has used yet."""
    monkeypatch.setattr(migration, "_MOMENT", 0)
    database = tmp_path / "social.db"

    def is_committing() -> bool:
        with closing(sqlite3.connect(database, timeout=0)) as another:
            try:
                another.execute("SELECT 1 FROM sqlite_master")
            except sqlite3.OperationalError:
                return True
            return False

    with closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("CREATE TABLE other (id)")
        reader.execute("BEGIN")
        reader.execute("SELECT 1 FROM other")
        with ThreadPoolExecutor(1) as thread:
            upgrade = thread.submit(migrate, f"sqlite:///{database}")
            eventually(lambda: is_committing() or upgrade.done())
            reader.execute("COMMIT")
            upgrade.result()


def test_an_upgrade_does_not_wait_for_what_waiting_does_not_mend(tmp_path: Path) -> None:
    url = sa.make_url(f"sqlite:///{tmp_path}/social.db")
    with closing(sqlite3.connect(tmp_path / "social.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    (tmp_path / "social.db-wal").mkdir()
    with migration.alone(url) as found, pytest.raises(sa.exc.OperationalError, match="open"):
        found.begin()


def test_an_index_that_takes_long_may_be_made_before(postgresql_url: str) -> None:
    """By the changelog's command, with which writes go on."""
    text = (ROOT / "CHANGELOG.md").read_text()
    (command,) = re.findall(r"`(CREATE INDEX CONCURRENTLY [^`]+)`", text)
    with empty_postgresql(postgresql_url) as url, application(url):
        flask_migrate.upgrade()
        usual = schema()
        flask_migrate.downgrade(revision="0001")
        execute(Statement(sa.text(command)))
        flask_migrate.upgrade()
        assert schema() == usual


def test_migrations_are_numbered_in_their_order() -> None:
    numbers = [script.revision for script in ScriptDirectory(MIGRATIONS).walk_revisions()]
    assert numbers == [f"{number:04}" for number in range(len(numbers), 0, -1)]
