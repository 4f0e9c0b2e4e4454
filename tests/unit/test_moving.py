"""What docs/operations.md says on moving from SQLite to PostgreSQL moves everything."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.database import db
from service.store import admins, events, webhooks
from tests.support import stored
from tests.support.databases import application, empty_postgresql, migrate
from tests.support.processes import ROOT

TOOLS = ("sqlite3", "psql")
pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, TOOLS)), reason=f"needs the commands {' and '.join(TOOLS)}"
)


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A SQLite file with what is hard to carry over."""
    file = tmp_path / "social.db"
    migrate(f"sqlite:///{file}")
    with application(f"sqlite:///{file}"):
        admins.grant(7)
        stored.link(ext_id='a "quoted", one\\', profile_url="https://a.example/,", limit=9)
        stored.link(ext_id="é😀", show_in_profile=True)
        metadata = {"k": 'é😀"\n,', "n": 1e300, "none": None}
        stored.link(provider="external", ext_id="ex-1", metadata=metadata)
        moment = datetime(2026, 3, 29, 2, 30, 0, 123456, UTC)
        stored.insert(ext_id="old", created_at=moment)
        events.feed(0, 10)  # gives ids to what is there; the next one has none yet
        stored.link(ext_id="late")
        url = "https://hooks.example.org/in?a=1,b"
        now = datetime.now(UTC)
        webhooks.postpone(webhooks.state(url), webhooks.Failure(1, 2, now, now))
    return file


@pytest.fixture
def target(postgresql_url: str) -> Iterator[str]:
    with empty_postgresql(postgresql_url) as url:
        migrate(url)
        yield url


def everything(url: str) -> list[object]:
    with application(url), db.engine.connect() as connection:
        others = [table for name, table in db.metadata.tables.items() if name != stored.TABLE.name]
        rows = [
            connection.execute(sa.select(table).order_by(*table.primary_key)) for table in others
        ]
        return [stored.rows(), *([tuple(row) for row in found] for found in rows)]


def test_all_rows_are_the_same_afterwards(filled: Path, target: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs/operations.md").read_text(), re.S)
    (script,) = (block for block in blocks if "sqlite3 -csv" in block)
    service = tmp_path / "services"
    url = sa.make_url(target)
    place = url.host or url.query["host"]
    password = f"password={url.password}\n" if url.password else ""
    service.write_text(
        f"[social]\nhost={place}\nport={url.port or 5432}\ndbname={url.database}\n"
        f"user={url.username}\n{password}"
    )
    moved = subprocess.run(
        ["sh", "-eu"],
        input=script,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PGSERVICEFILE": str(service), "PGTZ": "America/New_York"},
        text=True,
        check=True,
        stdout=subprocess.PIPE,
    )
    assert moved.stdout.split("\n") == ["COPY 5", "COPY 1", "COPY 4", "COPY 1", "COPY 1", ""]
    assert everything(target) == everything(f"sqlite:///{filled}")
    with application(target):
        stored.link(ext_id="after the move")
        assert [event.id for event in events.feed(0, 10)] == [1, 2, 3, 4, 5]
