"""What is in the image, and what is not."""

import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

import service
from tests.image.conftest import MARK, PLANTED
from tests.image.podman import IMAGE, Podman
from tests.support.processes import ROOT

TOP_LEVEL = {
    *(".venv", "instance", "migrations", "scripts", "service", "social_associations.egg-info"),
    *("README.md", "constraints.txt", "gunicorn.conf.py", "pyproject.toml", "setup.cfg", "wsgi.py"),
    "__pycache__",
}


FIND = """
from pathlib import Path
for top in ("service", "migrations", "scripts"):
    for path in Path(top).rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            print(path)
"""


@pytest.fixture(scope="module")
def config(podman: Podman) -> dict[str, Any]:
    [inspected] = json.loads(podman("image", "inspect", IMAGE))
    return inspected["Config"]


@pytest.fixture(scope="module")
def layers(podman: Podman) -> Path:
    """The image as a registry would get it."""
    archive = podman.place / "image.tar"
    podman("save", f"--output={archive}", IMAGE)
    return archive


def test_what_lies_about_in_the_tree_is_in_no_layer(tree: Path, layers: Path) -> None:
    assert all((tree / name).read_text() == MARK for name in PLANTED)
    found = subprocess.run(["grep", "-c", MARK, layers], stdout=subprocess.PIPE, text=True)
    assert found.stdout == "0\n"


def test_the_tree_s_top_level_is_kept(podman: Podman) -> None:
    assert set(podman.run("ls", "-A", "/opt/social").split()) == TOP_LEVEL


def test_what_is_in_the_image_is_in_git(podman: Podman) -> None:
    inside = podman.run("python", "-c", FIND)
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    assert set(inside.splitlines()) <= set(listed.stdout.decode().splitlines())


def test_every_layer_belongs_to_root(layers: Path) -> None:
    with tarfile.open(layers) as archive:
        names = [name for name in archive.getnames() if name.endswith(".tar")]
        for name in names:
            with tarfile.open(fileobj=archive.extractfile(name)) as layer:
                others = {file.name.strip("/") for file in layer if file.uid != 0}
                assert others <= {"data", "run/social"}


def test_no_installer_is_left(podman: Podman) -> None:
    assert "pip" not in podman.run("ls", "/opt/social/.venv/bin").split()


def test_it_runs_as_a_user_without_rights(config: dict[str, Any]) -> None:
    assert config["User"] == "10001:10001"


def test_the_server_is_started_without_a_shell(config: dict[str, Any]) -> None:
    assert (config.get("Entrypoint"), config["Cmd"]) == (None, ["gunicorn", "wsgi:app"])


def test_it_listens_to_all_of_its_network(config: dict[str, Any]) -> None:
    assert {"HOST=0.0.0.0", "PORT=8000"} <= set(config["Env"])


def test_labels_say_what_it_is(config: dict[str, Any]) -> None:
    labels = config["Labels"]
    assert labels["org.opencontainers.image.version"] == service.__version__
    assert labels["org.opencontainers.image.title"]
    assert labels["org.opencontainers.image.description"] in (ROOT / "setup.cfg").read_text()


def test_the_size_is_as_documented(podman: Podman, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = [
        int(podman("image", "inspect", "--format={{.Size}}", name)) / 1e6
        for name in (IMAGE, podman.base)
    ]
    added = sizes[0] - sizes[1]
    with capsys.disabled():
        print(f"\nThe image has {sizes[0]:.0f} MB, {added:.0f} MB more than its base.")
    [documented] = re.findall(r"adds (\d+) MB", (ROOT / "docs/container.md").read_text())
    assert added == pytest.approx(int(documented), rel=0.1)
