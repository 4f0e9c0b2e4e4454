"""The files of commands: what they read, what they write, and what is said when that fails."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from service.commands.output import write_line
from service.database import scratch
from service.store import admins
from tests.support import databases
from tests.support.bulk import counts, lines, runs
from tests.support.databases import ON_ONE
from tests.support.factories import environment, facebook
from tests.support.processes import ROOT
from tests.support.receiver import SECRET
from tests.support.stored import link

IMPORTS = [("import", "--created-by", "1"), ("rekey", "--provider", "p")]


def in_a_shell(
    url: str, command: Sequence[str], redirection: str, **variables: str
) -> "subprocess.CompletedProcess[str]":
    flask = Path(sys.executable).with_name("flask")
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", flask, *command],
        cwd=ROOT,
        env=os.environ | environment(url) | variables,
        stderr=subprocess.PIPE,
        text=True,
    )


@ON_ONE
def test_the_errors_file_is_not_the_input(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path
) -> None:
    file = tmp_path / "links"
    file.write_text(lines(facebook()))
    arguments = ["associations", "import", str(file), "--created-by", "1", "--errors", str(file)]
    result = runner.invoke(args=arguments)
    assert (result.exit_code, file.read_text()) == (2, lines(facebook()))
    assert "--errors names the file" in result.stderr


@ON_ONE
@pytest.mark.parametrize("command", IMPORTS)
def test_the_errors_file_is_not_standard_input(
    database_url: str, tmp_path: Path, command: tuple[str, ...]
) -> None:
    file = tmp_path / "links"
    file.write_text("old,new\n")
    result = in_a_shell(
        database_url, ["associations", *command, "-", "--errors", str(file)], f'<"{file}"'
    )
    assert (result.returncode, file.read_text()) == (2, "old,new\n")
    assert "--errors names the file" in result.stderr


def test_a_reader_that_has_gone_is_left_to_click(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends without a word, as `head` expects."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as broken:
        monkeypatch.setattr(sys, "stdout", broken)
        with pytest.raises(BrokenPipeError):
            write_line("7")


FULL = (">/dev/full", "Standard output: No space left on device.")
CLOSED = (">&-", "Standard output: it is closed.")
WEBHOOKS = {"WEBHOOK_URLS": "https://example.org/", "WEBHOOK_SECRET": SECRET}


@ON_ONE
@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        ("associations import - --created-by 1", 2),
        ("associations export", 2),
        ("users export 7", 1),
        ("users erase 7", 1),
        ("admins list", 1),
        ("tokens mint 7", 1),
        ("events status", 1),
        ("events prune", 1),
    ],
)
@pytest.mark.parametrize(("redirection", "why"), [FULL, CLOSED], ids=["full", "closed"])
def test_standard_output_that_fails_is_a_sentence(
    app: Flask, database_url: str, command: str, exit_code: int, redirection: str, why: str
) -> None:
    with app.app_context():
        link()
        admins.grant(7)
    result = in_a_shell(database_url, command.split(), f"</dev/null {redirection}", **WEBHOOKS)
    assert (result.returncode, result.stderr) == (exit_code, f"Error: {why}\n")


@ON_ONE
@pytest.mark.parametrize("command", IMPORTS)
def test_standard_input_that_is_closed_is_a_sentence(
    app: Flask, database_url: str, command: tuple[str, ...]
) -> None:
    result = in_a_shell(database_url, ["associations", *command, "-"], "<&-")
    sentence = "Error: Standard input: it is closed.\n"
    assert (result.returncode, result.stderr) == (2, sentence)


@ON_ONE
def test_nobody_need_listen_on_standard_error(
    app: Flask, database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "counts"
    command = ["associations", "import", "-", "--created-by", "1"]
    result = in_a_shell(database_url, command, f'</dev/null >"{file}" 2>&-')
    assert (result.returncode, file.read_text()[:12]) == (0, '{"created":0')


@ON_ONE
def test_refused_lines_that_nobody_reads_any_more_end_it(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path
) -> None:
    """With 2: by 1 it would say that all lines were looked at."""
    errors = tmp_path / "errors"
    os.mkfifo(errors)
    with ThreadPoolExecutor() as threads:
        reader = threads.submit(lambda: errors.open().close())
        result = runs(runner)("{}\n" * 2_000, "--errors", str(errors))  # more than a pipe holds
        reader.result()
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"Error: {errors}: Broken pipe.\n"


def test_a_setting_that_stops_the_start_does_not_say_that_it_was_done() -> None:
    command = ["associations", "import", "-", "--created-by", "1"]
    result = in_a_shell("mysql://u@h/d", command, "</dev/null")
    sentence = "Configuration: DATABASE_URL must begin with postgresql:// or sqlite:///.\n"
    assert (result.returncode, result.stderr) == (2, sentence)


@ON_ONE
@pytest.mark.parametrize("head", ["", "who,what\n"])
def test_a_run_that_can_t_begin_leaves_the_last_one_s_report(
    database_url: str, tmp_path: Path, head: str
) -> None:
    errors = tmp_path / "errors"
    errors.write_text("{}\n")
    unready = f"sqlite:///{tmp_path / 'new.db'}"  # where there are no tables
    with databases.application(database_url if head else unready) as app:
        options = ["--errors", str(errors), "--format", "csv" if head else "jsonl"]
        result = runs(app.test_cli_runner())(head, *options)
    assert (result.exit_code, errors.read_text()) == (2, "{}\n")


FULL_DEVICE = "Error: /dev/full: No space left on device.\n"


@ON_ONE
@pytest.mark.parametrize("count", [1, 10_000])
def test_a_full_disk_is_a_sentence_that_names_the_errors_file(
    app: Flask, runner: FlaskCliRunner, count: int
) -> None:
    result = runs(runner)("{}\n" * count, "--errors", "/dev/full")
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", FULL_DEVICE)


@ON_ONE
@pytest.mark.parametrize("file", ["/dev/full", "links"])
def test_a_full_disk_is_a_sentence_that_names_the_export(
    app: Flask,
    runner: FlaskCliRunner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
) -> None:
    with app.app_context():
        link()
    # A folder's disk can't be filled here, but what is written there can be synced to a full one.
    monkeypatch.setattr(os, "fsync", lambda _: Path("/dev/full").write_bytes(b"x"))
    file = str(tmp_path / file)  # an absolute one stays itself
    result = runner.invoke(args=["associations", "export", file])
    assert result.exit_code == 2
    assert result.stderr == f"Error: {file}: No space left on device.\n"


@ON_ONE
@pytest.mark.parametrize(
    ("command", "text"),
    [
        (["import", "-", "--created-by", "1", "--dry-run"], lines(facebook())),
        (["rekey", "-", "--provider", "p", "--dry-run"], "old,new\na,b\n"),
    ],
)
def test_a_temporary_file_that_can_t_be_written_is_not_called_the_database(
    app: Flask,
    runner: FlaskCliRunner,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    text: str,
) -> None:
    connect = scratch.connect

    def small() -> sqlite3.Connection:
        db = connect()
        db.execute("PRAGMA cache_size = 1")
        db.execute("PRAGMA max_page_count = 1")
        return db

    monkeypatch.setattr(scratch, "connect", small)
    result = runner.invoke(args=["associations", *command], input=text)
    assert result.exit_code == 2
    assert result.stderr == f"Error: {scratch.WHERE}: database or disk is full.\n"


@ON_ONE
@pytest.mark.parametrize("name", ["links.csv", "LINKS.CSV"])
def test_a_file_whose_name_ends_in_csv_is_one(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    file.write_text("provider,ext_id,user_id\nfacebook,fb-1,7\n")
    arguments = ["associations", "import", str(file), "--created-by", "1"]
    assert counts(runner.invoke(args=arguments)) == {"created": 1}
    assert counts(runner.invoke(args=[*arguments, "--format", "jsonl"])) == {"invalid": 2}


@ON_ONE
def test_a_file_that_is_not_there_is_a_sentence(app: Flask, runner: FlaskCliRunner) -> None:
    result = runner.invoke(args=["associations", "import", "/no/such", "--created-by", "1"])
    assert result.exit_code == 2
    assert result.stderr == "Error: /no/such: No such file or directory.\n"


def test_a_database_that_is_not_migrated_is_a_sentence(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    with databases.application(url) as app:
        result = runs(app.test_cli_runner())(lines(facebook()))
    assert (result.exit_code, result.stdout) == (2, "")
    assert "flask db upgrade" in result.stderr
