"""Every detail, also one that is added later, is still there after an export or a re-key."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from service.schemas import providers
from service.schemas.associations import CreateSchema
from service.store import associations
from tests.support.stored import BY, link, rows
from tests.unit.test_added_fields import GOOD

EACH = pytest.mark.parametrize("name", providers.UNSET)


def linked(name: str) -> str:
    """Link user 7 with a value of this detail, at a provider that has it; gives the provider."""
    field = CreateSchema().fields[name]
    named = (of for of, details in providers.OF_NAMED.items() if name in details)
    provider = "facebook" if name in providers.OF_OTHERS else next(named)
    link(provider=provider, **{name: field.deserialize(GOOD[type(field)])})
    return provider


@EACH
@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_import_takes_what_an_export_wrote(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path, name: str, form: str
) -> None:
    file = tmp_path / f"all.{form}"
    with app.app_context():
        provider = linked(name)
        before = rows()
        run(runner, "export", file)
        associations.delete(7, provider, "fb-1", by=BY)
        run(runner, "import", file, "--created-by", 9)
        assert rows() == before


@EACH
def test_a_re_key_keeps_it(app: Flask, runner: FlaskCliRunner, tmp_path: Path, name: str) -> None:
    file = tmp_path / "new.csv"
    file.write_text("old,new\nfb-1,fb-2\n")
    with app.app_context():
        provider = linked(name)
        before = rows()
        run(runner, "rekey", file, "--provider", provider)
        assert [row[name] for row in rows()] == [row[name] for row in before]


def run(runner: FlaskCliRunner, *arguments: Any) -> None:
    result = runner.invoke(args=["associations", *map(str, arguments)])
    assert result.exit_code == 0, result.output
