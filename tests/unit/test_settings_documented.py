"""README.md and deploy/environment.example name every setting, with its true default."""

import re

import pytest

from service.config import ROOT, SETTINGS

FILES = {f"{name}_FILE" for name, setting in SETTINGS.items() if setting.file}
# What the code does where the default is no text.
NO_DEFAULT = ("unset: ", "required")


def in_the_readme() -> dict[str, str]:
    """The names in the first column of the table, each with the cell of its default."""
    chapter = (ROOT / "README.md").read_text().split("## Configuration\n")[1].split("\n## ")[0]
    rows = re.findall(r"(?m)^\| (`.*?`) \| .* \| (.*) \|$", chapter)
    return {name: cell for names, cell in rows for name in re.findall(r"`([A-Z_]+)`", names)}


def in_the_example() -> dict[str, str]:
    """The variables of the file, and what stands behind the sign."""
    text = (ROOT / "deploy/environment.example").read_text()
    return dict(re.findall(r"(?m)^#?([A-Z_]+)=(.*)$", text))


def test_the_readme_names_every_setting_and_no_other() -> None:
    assert set(in_the_readme()) == {*SETTINGS, *FILES}


@pytest.mark.parametrize("name", SETTINGS)
def test_the_readme_shows_the_default(name: str) -> None:
    cell = in_the_readme()[name]
    if default := SETTINGS[name].default:
        assert cell == f"`{default}`"
    else:
        assert cell.startswith(NO_DEFAULT)


def test_the_example_names_every_setting_and_no_other() -> None:
    assert set(in_the_example()) == {*SETTINGS, *FILES}


@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "DATABASE_URL"])
def test_the_example_shows_the_default(name: str) -> None:
    assert in_the_example()[name] == SETTINGS[name].default


def test_only_the_settings_read_the_environment() -> None:
    files = [ROOT / "gunicorn.conf.py", *(ROOT / "service").rglob("*.py")]
    read = re.findall(
        r'os\.(?:environ(?:\.\w+\(|\[)|getenv\()"(\w+)"|"(\w+)" (?:not )?in os\.environ',
        "\n".join(file.read_text() for file in files),
    )
    assert {one or other for one, other in read} == {"PROMETHEUS_MULTIPROC_DIR"}
