"""docs/security.md names tests; they are there."""

import ast
import re

import pytest

from service.config import ROOT
from service.database import db

TEXT = (ROOT / "docs" / "security.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)))
RISKS = [f"API{number} " for number in range(1, 11)]


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_the_document_names_exists(file: str, name: str) -> None:
    tree = ast.parse((ROOT / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("risk", RISKS)
def test_every_risk_of_the_top_ten_has_a_line_and_a_test(risk: str) -> None:
    (line,) = (line for line in TEXT.splitlines() if line.startswith(f"| {risk}"))
    assert "::test_" in line


def test_every_item_of_the_asvs_has_a_test_or_a_command() -> None:
    lines = [line for line in TEXT.splitlines() if re.match(r"\| \d+\.\d+\.\d+", line)]
    assert len(lines) > 20
    assert [line for line in lines if "::test_" not in line and "`make " not in line] == []


def test_every_table_has_a_line_about_the_personal_data_in_it() -> None:
    section = TEXT.partition("## Personal data\n")[2].partition("\n## ")[0]
    first_cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| ")]
    named = set(re.findall(r"`(\w+)`", " ".join(first_cells)))
    assert db.metadata.tables.keys() <= named
