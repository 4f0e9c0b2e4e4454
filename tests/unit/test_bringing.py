"""What docs/operations.md says on bringing links from elsewhere, run on tables of that shape.

The columns are those of the projects' public schemas: django-allauth's `socialaccount` as dumpdata
writes it, Keycloak's `federated_identity`, FusionAuth's `identity_provider_links`.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskCliRunner

from tests.support import stored
from tests.support.bulk import counts, lines
from tests.support.databases import ON_ONE, empty_postgresql, postgresql
from tests.support.factories import facebook
from tests.support.processes import ROOT

TOOLS = ("jq", "psql", "awk")
pytestmark = [
    ON_ONE,
    pytest.mark.skipif(
        not all(map(shutil.which, TOOLS)), reason=f"needs the commands {' and '.join(TOOLS)}"
    ),
]
THEIRS = "0b7f2c61-d3f5-4d0e-9a3c-5b1a2f6e8d47"
OTHER = "1b7f2c61-d3f5-4d0e-9a3c-5b1a2f6e8d47"
KEYCLOAK = f"""
CREATE TABLE federated_identity (
    identity_provider varchar(255) NOT NULL, realm_id varchar(36), federated_user_id varchar(255),
    federated_username varchar(255), token text, user_id varchar(36) NOT NULL,
    PRIMARY KEY (identity_provider, user_id));
INSERT INTO federated_identity VALUES
    ('Google', 'platform', 'g-1', 'ada', NULL, '{THEIRS}'),
    ('github', 'platform', 'back\\slash "quoted"', 'ada', NULL, '{THEIRS}'),
    ('github', 'another', 'gh-2', 'bob', NULL, '{OTHER}'),
    ('google', 'platform', 'g-9', 'eve', NULL, '{OTHER}');
"""
FUSIONAUTH = f"""
CREATE TABLE identity_providers (
    id uuid PRIMARY KEY, data text NOT NULL, enabled boolean NOT NULL,
    insert_instant bigint NOT NULL, last_update_instant bigint NOT NULL,
    name varchar(191) NOT NULL, type varchar(255) NOT NULL);
CREATE TABLE identity_provider_links (
    data text NOT NULL, identity_providers_id uuid NOT NULL,
    identity_providers_user_id varchar(191) NOT NULL, insert_instant bigint NOT NULL,
    last_login_instant bigint NOT NULL, tenants_id uuid NOT NULL, users_id uuid NOT NULL);
INSERT INTO identity_providers VALUES ('{OTHER}', '{{}}', true, 0, 0, 'Google', 'Google');
INSERT INTO identity_provider_links VALUES
    ('{{}}', '{OTHER}', 'g-1', 1556712000123, 0, '{OTHER}', '{THEIRS}'),
    ('{{}}', '{OTHER}', 'g-9', 1556712000123, 0, '{OTHER}', '{OTHER}');
"""
ALLAUTH = [
    {
        "model": "socialaccount.socialaccount",
        "pk": 1,
        "fields": {
            "user": 7,
            "provider": "google",
            "uid": "g-1",
            "last_login": "2026-01-01T00:00:00Z",
            "date_joined": "2019-05-01T12:00:00.123Z",
            "extra_data": {"email": "a@b.example"},
        },
    }
]


@pytest.fixture
def documented(tmp_path: Path) -> Callable[..., None]:
    """Runs a block of the page in the test's folder."""

    def run(name: str, **environ: str) -> None:
        page = (ROOT / "docs/operations.md").read_text()
        (script,) = re.findall(rf"(?ms)^```sh {name}\n(.*?)^```$", page)
        environ = {"PATH": os.environ["PATH"]} | environ
        subprocess.run(
            ["sh", "-eu"], input=script, cwd=tmp_path, env=environ, text=True, check=True
        )

    return run


@pytest.fixture
def elsewhere(
    postgresql_url: str, tmp_path: Path
) -> Iterator[Callable[[str, str], dict[str, str]]]:
    """Makes tables in a database that is none of ours; gives how psql finds it by name."""
    with empty_postgresql(postgresql_url) as url:

        def fill(name: str, tables: str) -> dict[str, str]:
            with postgresql(url) as connection:
                connection.execute(tables.encode())
            where, file = sa.make_url(url), tmp_path / "services"
            password = f"password={where.password}\n" if where.password else ""
            file.write_text(
                f"[{name}]\nhost={where.host or where.query['host']}\nport={where.port or 5432}\n"
                f"dbname={where.database}\nuser={where.username}\n{password}"
            )
            (tmp_path / "users.csv").write_text(f"7,{THEIRS}\n")
            return {"PGSERVICEFILE": str(file), "PGTZ": "America/New_York"}

        yield fill


@pytest.fixture
def imported(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path
) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    def run(refused: int = 0) -> list[tuple[Any, ...]]:
        file = str(tmp_path / "links.jsonl")
        result = runner.invoke(args=["associations", "import", file, "--created-by", "1"])
        assert counts(result).get("invalid", 0) == refused, result.output
        assert result.exit_code == bool(refused), result.output
        return [
            (row["user_id"], row["provider"], row["ext_id"], f"{row['created_at']:%Y-%m-%d %H:%M}")
            for row in stored.rows()
        ]

    with app.app_context():
        yield run


Imported = Callable[..., list[tuple[Any, ...]]]
Elsewhere = Callable[[str, str], dict[str, str]]


def test_links_of_django_allauth(
    documented: Callable[..., None], imported: Imported, tmp_path: Path
) -> None:
    (tmp_path / "dump.json").write_text(json.dumps(ALLAUTH))
    documented("allauth")
    assert imported() == [(7, "google", "g-1", "2019-05-01 12:00")]


def test_links_of_keycloak(
    documented: Callable[..., None], elsewhere: Elsewhere, imported: Imported
) -> None:
    # Whom users.csv does not have is seen, not left out.
    documented("keycloak", **elsewhere("keycloak", KEYCLOAK))
    assert [row[:3] for row in imported(refused=1)] == [
        (7, "github", 'back\\slash "quoted"'),
        (7, "google", "g-1"),
    ]


def test_links_of_fusionauth(
    documented: Callable[..., None], elsewhere: Elsewhere, imported: Imported
) -> None:
    documented("fusionauth", **elsewhere("fusionauth", FUSIONAUTH))
    assert imported(refused=1) == [(7, "google", "g-1", "2019-05-01 12:00")]


def test_what_was_refused_can_be_taken_out_mended_and_imported(
    documented: Callable[..., None], app: Flask, runner: FlaskCliRunner, tmp_path: Path
) -> None:
    file, errors = tmp_path / "links.jsonl", tmp_path / "refused.jsonl"
    bad = [facebook(provider="Google", ext_id="g-2"), facebook(user_id=0, ext_id="g-3")]
    file.write_text(lines(facebook(), bad[0], facebook(ext_id="fb-2"), bad[1]))
    arguments = ["associations", "import", str(file), "--created-by", "1"]
    result = runner.invoke(args=[*arguments, "--errors", str(errors)])
    assert counts(result) == {"created": 2, "invalid": 2}
    documented("refused")
    again = tmp_path / "again.jsonl"
    assert again.read_text() == lines(*bad)
    mended = again.read_text().replace("Google", "google").replace(": 0", ": 7")
    result = runner.invoke(args=[*arguments[:2], "-", *arguments[3:]], input=mended)
    assert counts(result) == {"created": 2}
    # Or all of it again.
    whole = file.read_text().replace("Google", "google").replace(": 0", ": 7")
    result = runner.invoke(args=[*arguments[:2], "-", *arguments[3:]], input=whole)
    assert counts(result) == {"unchanged": 4}


def test_the_readme_s_example(
    app: Flask, runner: FlaskCliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chapter = (ROOT / "README.md").read_text().split("**Bring the links that exist**")[1]
    shown = [line[4:] for line in chapter.splitlines() if line.startswith("    ")]
    _, one, other, command, out, look, seen = shown[:7]
    monkeypatch.chdir(tmp_path)
    Path("links.jsonl").write_text(f"{one}\n{other}\n")
    result = runner.invoke(args=command.split()[2:])
    assert (result.exit_code, result.stdout) == (1, f"{out}\n")
    assert subprocess.check_output(["sh", "-c", look[2:]], text=True) == f"{seen}\n"
