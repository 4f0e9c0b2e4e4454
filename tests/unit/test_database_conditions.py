"""A database that can't serve is 503, and the log says which it is and what to do."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from service import create_app
from service.database import db, explained, lifecycle
from service.database.postgresql import condition
from tests.support.databases import (
    KINDS,
    ON_POSTGRESQL,
    application,
    empty_postgresql,
    migrate,
    postgresql,
)
from tests.support.factories import PATH, as_user, environment, external, facebook, path_of

Reasons = Callable[[], list[str]]


@pytest.fixture
def reasons(capfd: pytest.CaptureFixture[str]) -> Reasons:
    """What the log gave as reasons since the last look."""
    capfd.readouterr()

    def read() -> list[str]:
        lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
        assert all(line["level"] != "ERROR" for line in lines)
        return [line["reason"] for line in lines if line["event"] == "database unavailable"]

    return read


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
    else:
        with empty_postgresql(request.getfixturevalue("postgresql_url")) as url:
            yield url


def changed(url: str, **changes: Any) -> str:
    return sa.make_url(url).set(**changes).render_as_string(hide_password=False)


REQUESTS: dict[str, Callable[[FlaskClient], Any]] = {
    "list": lambda client: client.get(path_of(7)),
    "create": lambda client: client.post(PATH, json=facebook(), headers=as_user(7)),
    "delete": lambda client: client.delete(PATH, json=facebook(), headers=as_user(7)),
    "readyz": lambda client: client.get("/readyz"),
}
EACH_REQUEST = pytest.mark.parametrize("ask", REQUESTS.values(), ids=REQUESTS)
Ask = Callable[[FlaskClient], Any]


# the schema


@EACH_REQUEST
def test_a_database_that_is_not_migrated_is_503(empty_url: str, reasons: Reasons, ask: Ask) -> None:
    with application(empty_url) as app:
        assert ask(app.test_client()).status_code == 503
    (reason,) = reasons()
    assert reason.startswith("the database is not migrated: run flask db upgrade")


def at_migration(number: str) -> None:
    with db.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :it"), {"it": number})


def test_a_database_at_an_earlier_migration_is_503(empty_url: str, reasons: Reasons) -> None:
    migrate(empty_url)
    with application(empty_url) as app:
        at_migration("0000")
        assert app.test_client().get("/readyz").status_code == 503
    (reason,) = reasons()
    assert reason.startswith("the database is at migration 0000 and needs ")
    assert reason.endswith(": run flask db upgrade")


def test_a_database_at_a_later_migration_is_ready(empty_url: str) -> None:
    migrate(empty_url)
    with application(empty_url) as app:
        at_migration("9999")
        assert app.test_client().get("/readyz").status_code == 200


def test_a_column_that_a_migration_has_yet_to_bring_is_503(empty_url: str) -> None:
    migrate(empty_url)
    with application(empty_url) as app:
        at_migration("0000")
        with db.engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE social_association RENAME created_by TO by_"))
        assert REQUESTS["create"](app.test_client()).status_code == 503


def test_a_mistake_on_a_migrated_database_is_a_bug(empty_url: str) -> None:
    migrate(empty_url)
    with application(empty_url) as app:
        with db.engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE social_association RENAME created_by TO by_"))
        assert REQUESTS["create"](app.test_client()).status_code == 500


# rights


@pytest.fixture
def without_rights(postgresql_url: str) -> Iterator[str]:
    """The URL of a role that may log in to a migrated database, and no more."""
    migrate(postgresql_url)
    with postgresql(postgresql_url) as connection:
        connection.execute("CREATE ROLE guest LOGIN")
        connection.commit()
        yield changed(postgresql_url, username="guest")
        connection.execute("DROP ROLE guest")


@EACH_REQUEST
def test_a_role_without_rights_is_503(without_rights: str, reasons: Reasons, ask: Ask) -> None:
    with application(without_rights) as app:
        assert ask(app.test_client()).status_code == 503
    (reason,) = reasons()
    assert reason.startswith("the role lacks rights (permission denied for table ")
    assert "SELECT, INSERT, UPDATE and DELETE" in reason


def test_a_role_without_rights_can_not_migrate(postgresql_url: str, without_rights: str) -> None:
    with empty_postgresql(postgresql_url) as url:
        text = upgrade(changed(url, username="guest"))
    assert "the role lacks rights (permission denied for schema public)" in text


def test_the_right_that_only_an_import_needs_is_named() -> None:
    said = condition(psycopg.errors.InsufficientPrivilege())
    assert said is not None
    assert "an import TEMPORARY on the database" in said


# the words for failed connections


def a_wrong_database(url: str, folder: Path) -> str:
    return changed(url, drivername="postgresql", database="no_such_database")


def a_wrong_role(url: str, folder: Path) -> str:
    return changed(url, drivername="postgresql", username="no_such_role", password="hunter2")


def an_unknown_host(url: str, folder: Path) -> str:
    return "postgresql://someone:hunter2@nowhere.invalid/social"


def a_closed_port(url: str, folder: Path) -> str:
    return "postgresql://someone:hunter2@127.0.0.1:1/social"


def an_unreadable_file(url: str, folder: Path) -> str:
    (folder / "social.db").mkdir()  # the tests may run as root, who can read anything
    return f"sqlite:///{folder}/social.db"


def no_database(url: str, folder: Path) -> str:
    (folder / "social.db").write_bytes(b"no database " * 1000)
    return f"sqlite:///{folder}/social.db"


UNREACHABLE = [
    (a_wrong_database, 'database "no_such_database" does not exist'),
    (a_wrong_role, "no_such_role"),
    (an_unknown_host, "nowhere.invalid"),
    (a_closed_port, "Connection refused"),
    (an_unreadable_file, "SQLITE_CANTOPEN"),
]


def each(failures: list[tuple[Any, str]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        ("make", "words"), failures, ids=lambda value: getattr(value, "__name__", "words")
    )


FAILURES = each([*UNREACHABLE, (no_database, "SQLITE_NOTADB")])
Make = Callable[[str, Path], str]


def upgrade(url: str) -> str:
    """What `flask db upgrade` ends with."""
    with application(url) as app:
        result = app.test_cli_runner().invoke(args=["db", "upgrade"])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    return result.output


@FAILURES
def test_the_log_says_why_no_connection_was_made(
    postgresql_url: str, tmp_path: Path, reasons: Reasons, make: Make, words: str
) -> None:
    with application(make(postgresql_url, tmp_path)) as app:
        assert app.test_client().get("/readyz").status_code == 503
    (reason,) = reasons()
    assert words in reason
    assert "hunter2" not in reason
    assert "\n" not in reason


@FAILURES
def test_a_command_says_why_no_connection_was_made(
    postgresql_url: str, tmp_path: Path, make: Make, words: str
) -> None:
    with application(make(postgresql_url, tmp_path)) as app:
        result = app.test_cli_runner().invoke(args=["admins", "list"])
    assert result.exit_code == 1
    assert words in result.output
    assert "hunter2" not in result.output


@FAILURES
def test_an_upgrade_says_why_no_connection_was_made(
    postgresql_url: str, tmp_path: Path, make: Make, words: str
) -> None:
    text = upgrade(make(postgresql_url, tmp_path))
    assert text.startswith("The database can't do this: ")
    assert words in text
    assert "hunter2" not in text


def test_a_mistake_in_a_migration_keeps_its_trace() -> None:
    with pytest.raises(psycopg.errors.SyntaxError), explained():
        raise psycopg.errors.SyntaxError("at or near")


@EACH_REQUEST
def test_a_file_that_is_damaged_is_503(tmp_path: Path, reasons: Reasons, ask: Ask) -> None:
    url = f"sqlite:///{tmp_path}/social.db"
    migrate(url)
    with (tmp_path / "social.db").open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 100_000)
    with application(url) as app:
        assert ask(app.test_client()).status_code == 503
    assert reasons()[0].startswith("SQLITE_CORRUPT")


# encodings


@pytest.fixture(params=["LATIN1", "SQL_ASCII"])
def mangling(request: pytest.FixtureRequest, postgresql_url: str) -> Iterator[str]:
    """The URL of a database that would change what it is given."""
    with empty_postgresql(postgresql_url, request.param) as url:
        yield url


def test_another_encoding_than_utf8_stops_the_upgrade(mangling: str) -> None:
    text = upgrade(mangling)
    assert "the database's encoding is " in text
    assert "createdb --encoding=UTF8" in text


def start_with(url: str) -> None:
    lifecycle.begin(create_app(environment(url)).config["SQLALCHEMY_DATABASE_URI"], None)


def test_another_encoding_than_utf8_stops_the_start(mangling: str) -> None:
    with pytest.raises(SystemExit, match="DATABASE_URL can't be used: the database's encoding is"):
        start_with(mangling)


@EACH_REQUEST
def test_another_encoding_that_comes_later_is_503(
    mangling: str, reasons: Reasons, ask: Ask
) -> None:
    with application(mangling) as app:
        assert ask(app.test_client()).status_code == 503
    assert reasons()[0].startswith("the database's encoding is ")


@ON_POSTGRESQL
def test_all_characters_are_kept_whatever_the_client_s_encoding_is_set_to(
    app: Flask, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    metadata = {"k": "é😀"}
    latin = sa.make_url(database_url).update_query_dict({"client_encoding": "latin1"})
    with application(latin.render_as_string(hide_password=False)) as other:
        client = other.test_client()
        client.post(PATH, json=external(metadata=metadata), headers=as_user(7))
        (found,) = client.get(path_of(7), headers=as_user(7)).get_json()
    assert found["metadata"] == metadata


# the start


def test_a_file_that_is_no_database_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="a file that is no SQLite database"):
        start_with(no_database("", tmp_path))


@each(UNREACHABLE)
def test_a_database_that_can_not_be_reached_does_not_stop_the_start(
    postgresql_url: str, tmp_path: Path, make: Make, words: str
) -> None:
    start_with(make(postgresql_url, tmp_path))


def test_a_database_that_is_not_migrated_does_not_stop_the_start(empty_url: str) -> None:
    start_with(empty_url)
