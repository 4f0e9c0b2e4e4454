"""What DATABASE_URL may be. No sentence here repeats it, since it may hold a password."""

import re
from pathlib import Path

import sqlalchemy as sa
from psycopg import ProgrammingError, pq
from psycopg.conninfo import conninfo_to_dict

_POSTGRESQL = "postgresql+psycopg"
# SQLAlchemy knows one host before the path; libpq knows several: user@a:5432,b:5433/name.
_SEVERAL_HOSTS = re.compile(r"([^:]+://(?:[^@/?]*@)?+)([^@/?]*,[^@/?]*)(.*)", re.DOTALL)


def read(text: str, folder: Path) -> sa.URL:
    """Read the URL of the database.

    Args:
        folder: where a SQLite file without an absolute path is; made if it is not there.

    Raises:
        ValueError: it can't be used; the text says why.
    """
    if text != text.strip():
        raise ValueError("begins or ends with white space.")
    try:
        url = _parse(re.sub(r"^postgres(ql)?://", f"{_POSTGRESQL}://", text))
    except (sa.exc.ArgumentError, ProgrammingError, ValueError):
        raise ValueError(
            "is no URL; write postgresql://user:password@host/name or sqlite:///path."
        ) from None
    if url.drivername == _POSTGRESQL:
        return _postgresql(url)
    if url.drivername in ("sqlite", "sqlite+pysqlite"):
        return _sqlite(url, folder)
    raise ValueError("must begin with postgresql:// or sqlite:///.")


def _parse(text: str) -> sa.URL:
    several = _SEVERAL_HOSTS.fullmatch(text)
    if several is None:
        return sa.make_url(text)
    before, hosts, after = several.groups()
    found = conninfo_to_dict(f"postgresql://{hosts}")
    return sa.make_url(before + after).update_query_dict(
        {name: str(found[name]) for name in ("host", "port") if name in found}
    )


def _postgresql(url: sa.URL) -> sa.URL:
    """Refuse what would fail only when a connection is made, and then each time."""
    try:
        arguments = url.get_dialect()().create_connect_args(url)[1]
    except sa.exc.ArgumentError:
        raise ValueError("has hosts or ports that can't be read.") from None
    if "@" in str(arguments.get("host")):
        # Else the rest of the password would stand in the log, as a host that is not found.
        raise ValueError("has an @ in its user or password; write it as %40.")
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    for name, value in arguments.items():
        if name not in known:
            raise ValueError(f"has the parameter {name!r}, which PostgreSQL does not know.")
        # The service joins several options to one.
        if isinstance(value, tuple) and name != "options":
            raise ValueError(f"has the parameter {name!r} twice.")
    ports = str(arguments.get("port", "")).split(",")
    if not all(0 < int(port) < 65_536 for port in ports if port):
        raise ValueError("names a port that is not from 1 to 65535.")
    return url


def _sqlite(url: sa.URL, folder: Path) -> sa.URL:
    if url.database in (None, "", ":memory:") or url.query:
        raise ValueError("must name a file, as in sqlite:////var/lib/social/social.db.")
    path = folder / str(url.database)
    if path.parent == folder:
        folder.mkdir(exist_ok=True)
    if not path.parent.is_dir():
        raise ValueError("names a file in a folder that does not exist.")
    return url.set(database=str(path))
