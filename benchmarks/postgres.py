"""The one PostgreSQL of a run, with durable commits, and the rows that are in it before load."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.support import postgresql

ROOT = Path(__file__).parents[1]
SECRET = "a-secret-for-benchmarks-of-32-bytes-and-more"
FIRST_USER = 1_000_000_001
PER_USER = 10
# Of this many rows one maker made each fiftieth, for somebody else: a page of a search.
PER_MAKER = 5_000
PROVIDERS = ("facebook", "google", "linkedin", "external")
METADATA = '{"plan": "team", "seats": 12, "tags": ["a", "b"], "trial": false}'
# The i-th association: the nth of its user, with the same scatter as in load.lua but another
# ending, so that no two pairs meet. A user's lie apart, as when links are made over years.
MADE = f"""
SELECT i, {FIRST_USER} + i %% %(users)s AS user_id,
    (%(providers)s::text[])[1 + (i / %(users)s + i %% %(users)s) %% 4] AS provider,
    lpad(to_hex(i * 2654435761 %% 4294967296), 8, '0') || 'stored' AS ext_id
FROM generate_series(0::bigint, %(rows)s - 1) i
"""
ASSOCIATIONS = f"""
INSERT INTO social_association (user_id, provider, ext_id, profile_url, show_in_profile, metadata,
    created_by, created_at, updated_at)
SELECT user_id, provider, ext_id,
    CASE WHEN provider <> 'external' THEN 'https://www.' || provider || '.com/' || ext_id END,
    provider <> 'external',
    CASE WHEN provider = 'external' THEN %(metadata)s::json END,
    CASE WHEN i %% 50 = 0 THEN {FIRST_USER - 1} - i / {PER_MAKER} ELSE user_id END, now(), now()
FROM ({MADE}) made
"""
# Older than they are kept.
EVENTS = f"""
INSERT INTO social_event (id, type, occurred_at, user_id, provider, ext_id, actor_id, request_id)
SELECT i + 1, 'association.created', now() - interval '500 days', user_id, provider, ext_id,
    user_id, gen_random_uuid()::text
FROM ({MADE}) made
"""


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

    def fill(self, database: str, rows: int, *, events: bool = False) -> int:
        """Replace what is there by `rows` associations, ten a user, and return how many users.

        Args:
            events: whether each has its event; else there are none.
        """
        users = max(1, rows // PER_USER)
        values = {"rows": rows, "users": users, "providers": [*PROVIDERS], "metadata": METADATA}
        with self.connect(database) as connection:
            connection.execute("SET maintenance_work_mem = '256MB'")
            connection.execute("TRUNCATE social_association, social_event")
            with without_indexes(connection, "social_association"):
                connection.execute(ASSOCIATIONS, values)
            if events:
                with without_indexes(connection, "social_event"):
                    connection.execute(EVENTS, values)
            counter = "UPDATE social_event_counter SET pruned_id = 0, last_id = %s"
            connection.execute(counter, [rows if events else 0])
            # A table that has just been made has no statistics, and a checkpoint on its way
            # would slow whoever comes first.
            connection.execute("VACUUM ANALYZE social_association, social_event")
            connection.execute("CHECKPOINT")
        return users

    def rows(self, database: str, table: str = "social_association") -> int:
        return self.ask(database, f"SELECT count(*) FROM {table}")

    def ask(self, database: str, question: str) -> int:
        with self.connect(database) as connection:
            ((answer,),) = connection.execute(question)
        return int(answer)


@contextmanager
def without_indexes(connection: psycopg.Connection[Any], table: str) -> Iterator[None]:
    """Make the table's key and indexes anew at the end: much faster than row by row."""
    keys = connection.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'p' AND conrelid = %s::regclass",
        [table],
    ).fetchall()
    for name, _ in keys:
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    indexes = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", [table]
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    yield
    for _, statement in indexes:
        connection.execute(statement)
    for name, definition in keys:
        connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")


def makers(rows: int) -> range:
    """Who made associations of others, in a table of so many rows."""
    return range(FIRST_USER - 1, FIRST_USER - 1 - -(-rows // PER_MAKER), -1)


def service_environment(url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": url.replace("postgresql://", "postgresql+psycopg://", 1),
        "JWT_SECRET_KEY": SECRET,
    }


@contextmanager
def server(directory: Path) -> Iterator[Server]:
    """Start a server in `directory`, and stop it in the end.

    With its defaults, but for the memory it is given: a quarter of the machine's, as its manual
    has it. The default is 128 MiB, whatever the table's size.
    """
    data = directory / "data"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4
    with postgresql.start(data) as handle:
        # Counts from the next start on.
        handle.psql(f"ALTER SYSTEM SET shared_buffers = '{memory >> 20}MB'")
    with postgresql.start(data) as handle:
        yield Server(handle)
