"""The package alone, as `pip install .` leaves it in site-packages, refuses to start."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service import create_app
from service.config import ROOT
from tests.support.factories import environment
from tests.support.gunicorn import GUNICORN
from tests.support.gunicorn import environment as server_environment


def test_the_package_alone_is_refused_with_a_sentence(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "service", tmp_path / "service")
    done = subprocess.run(
        [sys.executable, "-c", "import service; service.create_app()"],
        cwd=tmp_path,
        env=environment("sqlite:///social.db"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"There is no {tmp_path}/migrations: ")
    assert "pip install --editable" in done.stderr
    assert done.stderr.count("\n") == 1


def test_gunicorn_ends_with_it_instead_of_starting_worker_after_worker(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "service", tmp_path / "service")
    for name in ("wsgi.py", "gunicorn.conf.py"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(
        [*GUNICORN, "wsgi:app"],
        cwd=tmp_path,
        env=server_environment(tmp_path, BIND=f"unix:{tmp_path}/socket"),
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 1
    assert done.stderr.count(f"There is no {tmp_path}/migrations: ") == 1


def test_so_is_a_tree_without_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.config.MIGRATIONS", "/nowhere/migrations")
    with pytest.raises(SystemExit, match="There is no /nowhere/migrations: "):
        create_app(environment("sqlite:///social.db"))
