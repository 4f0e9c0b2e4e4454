"""The recipes of CONTRIBUTING.md work as they stand, in a copy of the tree."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service.config import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
RECIPES = {
    title: re.findall(r"^```(diff|sh)\n(.*?)^```$", recipe, re.MULTILINE | re.DOTALL)
    for title, recipe in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
}
TREE = ("service", "migrations", "tests", "docs", "wsgi.py", "setup.cfg", "README.md")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of what a developer changes."""
    for name in TREE:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "node_modules")
            shutil.copytree(source, tmp_path / name, ignore=ignored)
        else:
            shutil.copy(source, tmp_path / name)
    (tmp_path / "home").mkdir()
    return tmp_path


def run(command: list[str], place: Path, given: str | None = None) -> str:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(place / "home"),
        "PYTHONPATH": str(place),
        "PYTHONDONTWRITEBYTECODE": "1",
        "DATABASE_URL": f"sqlite:///{place}/recipe.db",
        "JWT_SECRET_KEY": "no-secret-but-thirty-two-bytes-long",
    }
    done = subprocess.run(
        command, cwd=place, env=environ, input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def follow(kind: str, text: str, place: Path) -> None:
    if kind == "diff":
        run(["git", "apply", "--whitespace=nowarn", "-"], place, text)
        return
    for line in text.splitlines():
        program, *arguments = shlex.split(
            line.replace(".venv/bin", str(Path(sys.executable).parent))
        )
        # SQLite alone, in one process: what the recipe shows is the same on both.
        only = ["-k", "not postgresql"] if "pytest" in arguments else []
        output = run([program, *arguments, *only], place)
        assert "pytest" not in arguments or " passed" in output


def test_there_is_a_recipe_for_each_of_these() -> None:
    assert list(RECIPES) == ["A field", "An operation", "A rule for a provider", "An event type"]


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_works_as_it_stands(title: str, copy: Path) -> None:
    for kind, text in RECIPES[title]:
        follow(kind, text, copy)
    # Of `make check`, which each recipe ends with.
    run([sys.executable, str(ROOT / "scripts/check_additions.py"), "migrations"], copy)
