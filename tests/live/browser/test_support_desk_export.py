"""The support desk: what was found is taken along, and comes back."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.browser.linked_accounts import link
from tests.live.browser.support_desk import BEYOND_NUMBERS, SupportDesk
from tests.support.gunicorn import Server
from tests.support.processes import ROOT

pytestmark = pytest.mark.browser


def table(exported: bytes) -> Iterator[dict[str, str]]:
    return csv.DictReader(io.StringIO(exported.decode("utf-8-sig"), newline=""))


def imported(service: Server, exported: bytes, file: Path) -> dict[str, int]:
    """What an import says to these lines where all of it is linked already; zeros left out."""
    file.write_bytes(exported)
    command = [sys.executable, "-m", "flask", "associations", "import", str(file)]
    options = ["--format=csv", "--created-by=1", "--dry-run", f"--errors={file}.errors"]
    said = subprocess.run(
        [*command, *options], cwd=ROOT, env=service.environ, stdout=subprocess.PIPE, check=False
    )
    return {name: count for name, count in json.loads(said.stdout).items() if count}


def test_the_export_holds_what_was_found_and_can_be_imported(
    desk: SupportDesk, service: Server, user: int, tmp_path: Path
) -> None:
    quotes = f'ünï "{user}", x'
    metadata = {"a": 'quote " and ; semicolon', "n": BEYOND_NUMBERS + 1, "x": 1.5, "rawJSON": 1}
    link(service, user, "external", f"crm-{user}", metadata=metadata)
    link(service, user, "github", quotes, profile_url="https://github.com/ada")
    desk.find_by_user(user)
    desk.says("2 accounts found.")
    exported = desk.export(tmp_path)
    assert exported.startswith(b"\xef\xbb\xbf")
    assert exported.endswith(b"\r\n")
    first, second = table(exported)
    assert (first["user_id"], first["provider"], first["ext_id"]) == (
        str(user), "external", f"crm-{user}",
    )  # fmt: skip
    assert json.loads(first["metadata"]) == metadata
    assert first["show_in_profile"] == first["profile_url"] == second["metadata"] == ""
    assert (second["ext_id"], second["show_in_profile"]) == (quotes, "false")
    assert second["created_by"] == str(user)
    assert second["created_at"].endswith("Z")
    assert imported(service, exported, tmp_path / "again.csv") == {"unchanged": 2}


def test_the_export_holds_no_formula_and_an_import_refuses_what_was_marked(
    desk: SupportDesk, service: Server, user: int, tmp_path: Path
) -> None:
    formula = f'=HYPERLINK("http://example.com/{user}")'
    dangerous = [
        formula,
        f"+{user}",
        f"-{user}",
        f"@{user}",
        f"\uff1d{user}",
        f'a{user}";{formula}',
    ]
    for ext_id in dangerous:
        link(service, user, "some-forum", ext_id)
    metadata = {"a": f";{formula}"}
    link(service, user, "external", f"crm-{user}", metadata=metadata)
    desk.find_by_user(user)
    desk.says("7 accounts found.")
    exported = desk.export(tmp_path)
    *_, last = table(exported)
    assert json.loads(last["metadata"]) == metadata
    for delimiter in ",;":
        for cells in csv.reader(io.StringIO(exported.decode("utf-8-sig")), delimiter=delimiter):
            begins = [cell.lstrip(' "')[:1] for cell in cells]
            assert not set(begins) & set("=+-@\uff1d")
    assert imported(service, exported, tmp_path / "again.csv") == {"unchanged": 1, "invalid": 6}
