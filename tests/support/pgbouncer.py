"""A PgBouncer before the tests' PostgreSQL; it hands connections on between transactions."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from tests.support.broken_network import line_to
from tests.support.processes import free_port
from tests.support.waiting import eventually

COMMAND = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
CONNECTIONS = 2  # fewer than threads: they are handed on


@contextmanager
def pgbouncer(url: str) -> Iterator[str]:
    """The URL of the database behind a PgBouncer of its own."""
    assert COMMAND
    there = sa.make_url(url)
    password = f" password={there.password}" if there.password else ""
    with tempfile.TemporaryDirectory(prefix="social-pgbouncer-") as name, line_to(url) as line:
        folder, port = Path(name), free_port()
        folder.chmod(0o777)  # as root it runs as another user
        upstream = sa.make_url(line.url)
        (folder / "pgbouncer.ini").write_text(f"""
[databases]
{there.database} = host={upstream.host} port={upstream.port} user={there.username}{password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {CONNECTIONS}
logfile = {folder}/log
""")
        as_other = ["-u", "nobody"] if os.getuid() == 0 else []
        with subprocess.Popen(
            [COMMAND, "-q", *as_other, str(folder / "pgbouncer.ini")], stderr=subprocess.DEVNULL
        ) as process:
            try:
                eventually(lambda: _accepts(port), 10)
                yield (
                    there.set(drivername="postgresql", host="127.0.0.1", port=port, query={})
                    .update_query_dict({"sslmode": "disable"})
                    .render_as_string(hide_password=False)
                )
            finally:
                process.kill()


def _accepts(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
