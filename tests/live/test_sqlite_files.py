"""All data is in the one SQLite file as soon as nobody uses it."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.support.databases import migrate
from tests.support.factories import PATH, as_user, facebook
from tests.support.gunicorn import Server, environment, serving
from tests.support.http import request
from tests.support.processes import ROOT, launch, unmeasured
from tests.support.waiting import eventually

ROWS = 20
FLASK = [sys.executable, "-m", "flask"]


def fill(server: Server) -> None:
    for number in range(ROWS):
        body = json.dumps(facebook(ext_id=f"fb-{number}")).encode()
        assert server.send(request("POST", PATH, body, headers=as_user(7))).status == 201


def wal(folder: Path) -> Path:
    return folder / "social.db-wal"


def rows_of_a_copy(folder: Path) -> int:
    """What the obvious copy of the one file holds."""
    shutil.copy(folder / "social.db", folder / "copy.db")
    with closing(sqlite3.connect(folder / "copy.db")) as copy:
        count: int = copy.execute("SELECT count(*) FROM social_association").fetchone()[0]
        return count


def terminate(server: Server) -> None:
    server.process.terminate()


def interrupt(server: Server) -> None:
    os.killpg(server.process.pid, signal.SIGINT)  # as Ctrl-C does


def quit_at_once(server: Server) -> None:
    server.process.send_signal(signal.SIGQUIT)


@pytest.mark.parametrize("stop", [terminate, interrupt, quit_at_once])
def test_after_a_stop_the_file_holds_everything(
    tmp_path: Path, stop: Callable[[Server], None]
) -> None:
    with serving(tmp_path, WEB_CONCURRENCY="2", THREADS="2") as server:
        fill(server)
        assert wal(tmp_path).exists()
        stop(server)
        server.process.wait(10)
    assert rows_of_a_copy(tmp_path) == ROWS
    assert not wal(tmp_path).exists()


def test_a_worker_that_is_replaced_closes_the_file(tmp_path: Path) -> None:
    with serving(tmp_path, WEB_CONCURRENCY="1", THREADS="2") as server:
        fill(server)
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: not wal(tmp_path).exists())
        assert rows_of_a_copy(tmp_path) == ROWS


def test_a_worker_that_had_its_requests_closes_the_file(tmp_path: Path) -> None:
    options = ("--max-requests", "100", "--max-requests-jitter", "0")
    with serving(tmp_path, *options, WEB_CONCURRENCY="1", THREADS="2") as server:
        before = server.workers()
        fill(server)
        while server.workers() == before:
            server.get("/healthz")
        eventually(lambda: not wal(tmp_path).exists())


def test_a_stop_makes_no_file_where_there_is_none_any_more(tmp_path: Path) -> None:
    with serving(tmp_path, WEB_CONCURRENCY="1") as server:
        (tmp_path / "social.db").unlink()
        server.stop()
    assert not (tmp_path / "social.db").exists()


def test_what_a_killed_service_left_behind_the_next_start_picks_up(tmp_path: Path) -> None:
    with serving(tmp_path, WEB_CONCURRENCY="1") as server:
        fill(server)
        os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait(10)
    assert wal(tmp_path).stat().st_size
    with serving(tmp_path, is_migrated=True, WEB_CONCURRENCY="1"):
        assert not wal(tmp_path).exists()
        assert rows_of_a_copy(tmp_path) == ROWS


def test_a_command_closes_the_file(tmp_path: Path) -> None:
    environ = environment(tmp_path)
    for arguments in (["db", "upgrade"], ["admins", "grant", "7"]):
        subprocess.run([*FLASK, *arguments], cwd=ROOT, env=environ, check=True)
    assert not wal(tmp_path).exists()


def test_a_command_that_is_stopped_closes_the_file(tmp_path: Path) -> None:
    database = tmp_path / "social.db"
    migrate(f"sqlite:///{database}")
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) "
            "INSERT INTO social_event (id, type, occurred_at, user_id, provider, ext_id) "
            "SELECT i, 'association.created', '2020-01-01 00:00:00', 1, 'p', 'e' FROM n"
        )
        connection.execute("UPDATE social_event_counter SET last_id = 50000")
    command = [*FLASK, "events", "prune"]
    pruning = launch(command, unmeasured(environment(tmp_path)), tmp_path / "output")
    eventually(lambda: pruned(database) > 0, 30)
    pruning.terminate()
    assert pruning.wait(10) == 1
    assert (tmp_path / "output").read_text() == "Error: Stopped; it may be run again.\n"
    assert not wal(tmp_path).exists()
    assert 0 < pruned(database) < 50_000


def pruned(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        found: int = connection.execute("SELECT pruned_id FROM social_event_counter").fetchone()[0]
        return found


def test_an_upgrade_that_waits_for_another_can_be_stopped(tmp_path: Path) -> None:
    database = tmp_path / "social.db"
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("BEGIN IMMEDIATE")
        command = [*FLASK, "db", "upgrade"]
        waiting = launch(command, unmeasured(environment(tmp_path)), tmp_path / "output")
        files = psutil.Process(waiting.pid).open_files
        eventually(lambda: str(database) in [file.path for file in files()], 30)
        waiting.terminate()
        assert waiting.wait(10) == 1
    assert "Traceback" not in (tmp_path / "output").read_text()
    assert not wal(tmp_path).exists()


def test_a_backup_of_a_running_service_holds_everything(tmp_path: Path) -> None:
    with serving(tmp_path, WEB_CONCURRENCY="1") as server:
        fill(server)
        command = [*FLASK, "db", "backup", str(tmp_path / "backup.db")]
        subprocess.run(command, cwd=ROOT, env=server.environ, check=True)
        (tmp_path / "restored").mkdir()
        shutil.copy(tmp_path / "backup.db", tmp_path / "restored" / "social.db")
    with closing(sqlite3.connect(tmp_path / "restored" / "social.db")) as restored:
        assert restored.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert rows_of_a_copy(tmp_path / "restored") == ROWS
