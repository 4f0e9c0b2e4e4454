"""The service below a path, as a proxy shows it that takes the path off."""

from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.exceptions import NotFound

from wsgi import app as service

PREFIX = "/social"


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path != "/healthz" and not path.startswith(f"{PREFIX}/"):
        return NotFound()(environ, start_response)
    return service(environ | {"PATH_INFO": path.removeprefix(PREFIX)}, start_response)
