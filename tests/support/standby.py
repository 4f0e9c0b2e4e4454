"""A PostgreSQL with a standby that every commit waits for."""

import os
import pwd
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import databases, postgresql
from tests.support.waiting import eventually


@dataclass
class Pair:
    primary: str
    """The URL."""
    standby: str
    _postmaster: int

    def ask(self, sql: str, of: str | None = None) -> list[tuple[Any, ...]]:
        with databases.postgresql(of or self.primary) as connection:
            connection.autocommit = True
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """The primary's sender stands still: nothing gets to the standby, and no commit ends."""
        ((sender,),) = self.ask("SELECT pid FROM pg_stat_replication")
        os.kill(sender, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(sender, signal.SIGCONT)

    def waiting(self) -> list[tuple[int]]:
        """The server's processes that wait for the standby."""
        return self.ask("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'")

    def end_waits(self, how: str, number: int) -> None:
        """End the so many who wait, once they do; what they committed is there to see then."""
        eventually(lambda: len(self.waiting()) == number)
        self.ask(f"SELECT {how}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        eventually(lambda: not self.waiting())

    def kill_primary(self) -> None:
        os.kill(self._postmaster, signal.SIGQUIT)

    def promote(self) -> None:
        """The primary counts as dead from now on."""
        self.ask("SELECT pg_promote()", of=self.standby)


@contextmanager
def pair() -> Iterator[Pair]:
    """Two servers; the primary's commits wait for the standby, once it has come."""
    with tempfile.TemporaryDirectory(prefix="social-pair-") as name:
        folder = Path(name)
        with postgresql.start(folder / "primary") as primary:
            _copy(primary, folder / "standby")
            with postgresql.start(folder / "standby") as standby:
                both = Pair(primary.get_uri(), standby.get_uri(), primary.get_pid())
                both.ask("ALTER SYSTEM SET synchronous_standby_names = '*'")
                both.ask("SELECT pg_reload_conf()")
                eventually(
                    lambda: both.ask("SELECT sync_state FROM pg_stat_replication") == [("sync",)]
                )
                yield both


def _copy(primary: Any, to: Path) -> None:
    """A standby's folder. As root it belongs to the server's own user."""
    to.mkdir(mode=0o700)
    as_other: dict[str, Any] = {}
    if primary.system_user:
        as_other["user"] = primary.system_user
        os.chown(to, pwd.getpwnam(primary.system_user).pw_uid, -1)
        to.parent.chmod(0o755)
    uri = primary.get_uri()
    command = [primary.bin_path / "pg_basebackup", "--dbname", uri, "--pgdata", to]
    subprocess.run(
        [*command, "--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf"],
        check=True,
        cwd="/",
        stderr=subprocess.DEVNULL,  # a word about the socket, which is not copied
        **as_other,
    )
    (to / ".s.PGSQL.5432.lock").unlink()
