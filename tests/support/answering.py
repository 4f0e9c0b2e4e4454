"""A WSGI application that answers in the ways in which the service does not, but might."""

from collections.abc import Iterable, Iterator
from typing import Any

PART = b"0123456789"


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    return {
        "/healthz": _whole,
        "/large": _large,
        "/middle": _breaks_in_the_middle,
        "/before": _breaks_before,
    }[environ["PATH_INFO"]](start_response)


def _whole(start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", str(len(PART)))])
    return [PART]


def _large(start_response: Any) -> Iterable[bytes]:
    """More than any socket's buffer holds."""
    start_response("200 OK", [("Content-Length", str(10_000_000 * len(PART)))])
    return [PART * 10_000_000]


def _breaks_in_the_middle(start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Length", str(2 * len(PART)))])
    yield PART
    raise RuntimeError("hunter2")


def _breaks_before(start_response: Any) -> Iterable[bytes]:
    raise RuntimeError("hunter2")
