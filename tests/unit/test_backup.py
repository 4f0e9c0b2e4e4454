"""`flask db backup`: a copy that stands alone, or a sentence."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from service.store import admins
from tests.support.databases import application, migrate, sqlite


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    """An application on a SQLite file with one row in it, which is in use."""
    url = f"sqlite:///{tmp_path}/social.db"
    migrate(url)
    with application(url) as app:
        admins.grant(7)
        yield app


def back_up(app: Flask, to: Path) -> Result:
    return app.test_cli_runner().invoke(args=["db", "backup", str(to)])


def rows(file: Path) -> list[tuple[int]]:
    with closing(sqlite(f"sqlite:///{file}")) as connection:
        return connection.execute("SELECT user_id FROM admin_grant").fetchall()


def refusal(result: Result) -> str:
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    return result.output


def test_a_backup_holds_what_is_only_in_the_wal(app: Flask, tmp_path: Path) -> None:
    result = back_up(app, tmp_path / "backup.db")
    assert (result.exit_code, result.output) == (0, "")
    assert rows(tmp_path / "backup.db") == [(7,)]


def test_a_backup_stands_alone(app: Flask, tmp_path: Path) -> None:
    back_up(app, tmp_path / "backup.db")
    rows(tmp_path / "backup.db")
    assert {file.name for file in tmp_path.glob("*backup*")} == {"backup.db"}


def test_a_backup_is_for_its_owner_only(app: Flask, tmp_path: Path) -> None:
    back_up(app, tmp_path / "backup.db")
    assert (tmp_path / "backup.db").stat().st_mode & 0o777 == 0o600


def test_a_backup_never_takes_the_place_of_a_file(app: Flask, tmp_path: Path) -> None:
    back_up(app, tmp_path / "backup.db")
    admins.grant(8)
    assert "is there already" in refusal(back_up(app, tmp_path / "backup.db"))
    assert rows(tmp_path / "backup.db") == [(7,)]
    assert {file.name for file in tmp_path.glob("*backup*")} == {"backup.db"}


@pytest.fixture
def another_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody makes the file while the copy is being written."""
    synced = os.fsync

    def come(descriptor: int) -> None:
        synced(descriptor)
        (tmp_path / "backup.db").write_text("another's")

    monkeypatch.setattr(os, "fsync", come)


def test_a_file_that_comes_meanwhile_stays(app: Flask, tmp_path: Path, another_comes: None) -> None:
    assert "is there already" in refusal(back_up(app, tmp_path / "backup.db"))
    assert (tmp_path / "backup.db").read_text() == "another's"
    assert {file.name for file in tmp_path.glob("*backup*")} == {"backup.db"}


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without links, such as that of a memory card."""

    def link(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", link)


def test_where_there_are_no_links_a_backup_is_made_too(
    app: Flask, tmp_path: Path, no_links: None
) -> None:
    back_up(app, tmp_path / "backup.db")
    assert rows(tmp_path / "backup.db") == [(7,)]


def test_where_there_are_no_links_a_file_stays_too(
    app: Flask, tmp_path: Path, no_links: None, another_comes: None
) -> None:
    assert "is there already" in refusal(back_up(app, tmp_path / "backup.db"))
    assert (tmp_path / "backup.db").read_text() == "another's"


def test_a_backup_that_fails_leaves_nothing(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "social.db").rename(tmp_path / "moved.db")
    assert "can't be copied: SQLITE_CANTOPEN" in refusal(back_up(app, tmp_path / "backup.db"))
    assert not list(tmp_path.glob("*backup*"))


def test_the_database_itself_is_no_place_for_a_backup(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path}/social.db")
    with application(f"sqlite:///{tmp_path}/social.db") as app:
        assert "is the database itself" in refusal(back_up(app, tmp_path / "social.db"))


def test_a_database_in_use_is_no_place_for_a_backup(app: Flask, tmp_path: Path) -> None:
    assert "is a database in use, or was" in refusal(back_up(app, tmp_path / "social.db"))


def test_a_folder_that_is_not_there_is_a_sentence(app: Flask, tmp_path: Path) -> None:
    sentence = refusal(back_up(app, tmp_path / "nowhere" / "backup.db"))
    assert sentence.endswith("can't be written: No such file or directory.\n")


def test_on_postgresql_the_command_names_pg_dump() -> None:
    with application("postgresql://u:p@127.0.0.1:1/x") as app:
        assert "pg_dump" in refusal(back_up(app, Path("backup.db")))
