"""A machine that is gone in the middle of an import: PostgreSQL notices, and frees what it held."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from service import create_app
from service.database import apart
from service.database.statements import Statement
from tests.chaos.postgres import Postgres
from tests.support.factories import environment
from tests.support.processes import free_port


@contextmanager
def on_tcp() -> Iterator[str]:
    """The URL of a server that is reached by TCP: a Unix socket has none of these settings."""
    with tempfile.TemporaryDirectory(prefix="social-tcp-") as name:
        os.chmod(name, 0o755)  # the server's user must get through
        server = Postgres(Path(name))
        port = free_port()
        server.configure(listen_addresses="127.0.0.1", port=str(port))
        server.stop("fast")
        server.start()  # no `restart`, which asks at the old port
        url = sa.make_url(server.url).set(host="127.0.0.1", port=port, query={})
        try:
            yield url.render_as_string(hide_password=False)
        finally:
            server.stop()


AT_THE_SERVER = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
HERE = {
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
"""libpq's settings. Both count seconds, but for the last, which is in milliseconds."""
_settings = Statement(
    sa.select(*(sa.func.current_setting(name).label(name) for name in AT_THE_SERVER))
)


def test_within_about_a_minute_either_side_notices_that_the_other_is_gone() -> None:
    with (
        on_tcp() as url,
        create_app(environment(url)).app_context(),
        apart.connection() as on,
        on.transaction(),
    ):
        ((*found,),) = on.run(_settings)
        assert dict(zip(AT_THE_SERVER, found, strict=True)) == AT_THE_SERVER
        assert HERE.items() <= on._driver.info.get_parameters().items()
