"""What openapi-typescript makes of the document is what tsc takes."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def compiled(document: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the types and their usage are, with the tools."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.exit("Generated types need Node.js: apt-get install nodejs npm", returncode=1)
    directory = tmp_path_factory.mktemp("typescript")
    for name in ("package.json", "package-lock.json", ".npmrc", "usage.ts"):
        shutil.copy(HERE / name, directory)
    run(directory, "npm", "ci", "--ignore-scripts", "--loglevel=error")
    run(directory, "npx", "openapi-typescript", str(document), "-o", "schema.d.ts")
    return directory


def run(directory: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_types_compile(compiled: Path) -> None:
    run(compiled, "npx", "tsc", "--noEmit", "--strict", "schema.d.ts")


def test_the_types_say_what_a_client_may_send_and_gets(compiled: Path) -> None:
    run(compiled, "npx", "tsc", "--noEmit", "--strict", "usage.ts")


def test_every_operation_has_its_types(compiled: Path, operations: list[str]) -> None:
    types = (compiled / "schema.d.ts").read_text()
    assert [name for name in operations if f"    {name}: {{" not in types] == []
