"""The image, built from a copy of the tree in which secrets lie about.

make image-check
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.podman import Container, Podman
from tests.support.processes import ROOT

MARK = "5ecret-that-must-stay-outside"
# Where developers and editors leave what is nobody else's.
PLANTED = (
    ".env",
    ".git/config",
    ".venv/pip.conf",
    "instance/jwt-secret",
    "instance/secrets/database_url",
    "migrations/__pycache__/env.pyc",
    "service/.env",
    "service/auth/.secret.swp",
    "tests/secret.py",
    "secret.pem",
)


@pytest.fixture(scope="session")
def podman() -> Iterator[Podman]:
    # In memory where there is room: layers are thousands of files, each written three times.
    has_room = shutil.disk_usage("/dev/shm").free > 2e9
    place = tempfile.mkdtemp(prefix="social-image-", dir="/dev/shm" if has_room else None)
    podman = Podman(Path(place))
    try:
        yield podman
    finally:
        podman.clear()


@pytest.fixture(scope="session")
def tree(podman: Podman) -> Path:
    """What git has, as it is now, and what it has not."""
    place = podman.place / "tree"
    place.mkdir()
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    there = b"\0".join(n for n in listed.stdout.split(b"\0") if n and (ROOT / n.decode()).exists())
    copied = ["cp", "--parents", f"--target-directory={place}"]
    subprocess.run(["xargs", "-0", *copied], cwd=ROOT, check=True, input=there)
    for name in PLANTED:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(MARK)
    return place


@pytest.fixture(scope="session", autouse=True)
def image(podman: Podman, tree: Path) -> None:
    podman.build(tree)


@pytest.fixture(scope="module")
def container(podman: Podman) -> Iterator[Container]:
    """The one command of the README, but stricter."""
    with podman.running("scripts/run.sh", options=("--volume=data:/data",)) as container:
        yield container
