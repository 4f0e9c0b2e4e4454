"""The one PostgreSQL of a run, with durable commits, and the rows that are in it before load."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from tests.support import postgresql

ROOT = Path(__file__).parents[1]
SECRET = "a-secret-for-benchmarks-of-32-bytes-and-more"
FIRST_USER = 1_000_000_001
PER_USER = 10
PROVIDERS = ("facebook", "google", "linkedin", "external")
METADATA = '{"plan": "team", "seats": 12, "tags": ["a", "b"], "trial": false}'


class Server:
    def __init__(self, handle: Any) -> None:
        self.handle = handle
        with self.connect("postgres") as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                row = connection.execute(f"SHOW {setting}").fetchone()
                if row is None or row[0] != "on":
                    raise SystemExit(f"PostgreSQL has {setting} off: commits are not durable.")
            self.version = connection.info.parameter_status("server_version")

    def url(self, database: str) -> str:
        """A libpq URL, over the Unix socket for everyone."""
        url: str = self.handle.get_uri(database=database)
        return url

    def connect(self, database: str) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url(database), autocommit=True)

    def create(self, database: str) -> None:
        """Make a database with the service's own migrations."""
        with self.connect("postgres") as connection:
            connection.execute(f'CREATE DATABASE "{database}"')
        done = subprocess.run(
            [Path(sys.executable).with_name("flask"), "db", "upgrade"],
            cwd=ROOT,
            env=os.environ | service_environment(self.url(database)),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"The migrations failed:\n{done.stderr}")

    def fill(self, database: str, rows: int) -> int:
        """Replace what is there by `rows` associations, ten a user, and return how many users.

        A user's rows lie apart in the table, as they do when links are made over years.
        """
        users = max(1, rows // PER_USER)
        with self.connect(database) as connection:
            connection.execute("TRUNCATE social_association, social_event")
            with (
                connection.cursor() as cursor,
                cursor.copy(
                    "COPY social_association (user_id, provider, ext_id, profile_url, "
                    "show_in_profile, metadata, created_by, created_at, updated_at) FROM STDIN"
                ) as copy,
            ):
                for first in range(0, rows, 10_000):
                    copy.write("".join(lines(first, min(first + 10_000, rows), users)))
            # A table that has just been made has no statistics, and a checkpoint on its way
            # would slow whoever comes first.
            connection.execute("VACUUM ANALYZE social_association")
            connection.execute("CHECKPOINT")
        return users

    def rows(self, database: str) -> int:
        with self.connect(database) as connection:
            ((count,),) = connection.execute("SELECT count(*) FROM social_association")
        return int(count)


def lines(first: int, last: int, users: int) -> Iterator[str]:
    """Rows for COPY, as text."""
    at = datetime.now(UTC).isoformat()
    for i in range(first, last):
        nth, of_user = divmod(i, users)
        user = FIRST_USER + of_user
        provider = PROVIDERS[(nth + of_user) % 4]
        # The same scatter as in load.lua, with another ending: no two pairs meet.
        ext_id = f"{i * 2654435761 % 2**32:08x}stored"
        if provider == "external":
            yield f"{user}\t{provider}\t{ext_id}\t\\N\tf\t{METADATA}\t{user}\t{at}\t{at}\n"
        else:
            url = f"https://www.{provider}.com/{ext_id}"
            yield f"{user}\t{provider}\t{ext_id}\t{url}\tt\t\\N\t{user}\t{at}\t{at}\n"


def service_environment(url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": url.replace("postgresql://", "postgresql+psycopg://", 1),
        "JWT_SECRET_KEY": SECRET,
    }


@contextmanager
def server(directory: Path) -> Iterator[Server]:
    """Start a server in `directory`, with its defaults; stop it in the end."""
    with postgresql.start(directory / "data") as handle:
        yield Server(handle)
