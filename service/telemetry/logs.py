"""Logs: one JSON object a line on standard error, without tokens, bodies or queries."""

import logging
import logging.config
import os
import traceback
from typing import Any

from flask import g, has_request_context
from pythonjsonlogger.orjson import OrjsonFormatter

logger = logging.getLogger("service.request")
audit_logger = logging.getLogger("service.audit")


_MOST_EXCEPTIONS, _MOST_FRAMES, _LONGEST_TRACE = 3, 12, 1000


class _RequestId(logging.Filter):
    """Put the request's id and actor into every line that is written during a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        if has_request_context():
            state = g._get_current_object()
            record.request_id = state.get("request_id")
            record.actor = state.get("actor_id")
        return True


class _Formatter(OrjsonFormatter):
    """Writes where an exception came from and its kind, but not its text.

    That text often holds the value that caused it. Of each exception in the chain only the last
    frames are written, so that a line stays under 4 KiB: see `_StandardError`.
    """

    def formatException(self, ei: Any) -> str:
        found: list[str] = []
        error = ei[1]
        while error is not None and len(found) < _MOST_EXCEPTIONS:
            frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
            places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
            found.append(" > ".join([*places, type(error).__name__])[-_LONGEST_TRACE:])
            error = error.__cause__ or error.__context__
        return " < ".join(found)


class _StandardError:
    """A stream without a buffer: each line is one call, and the kernel keeps up to 4 KiB whole."""

    def write(self, text: str) -> None:
        os.write(2, text.encode(errors="backslashreplace"))

    def flush(self) -> None:
        pass


def configuration(level: str) -> dict[str, Any]:
    """A `logging.config.dictConfig` that gunicorn and the application share."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": _RequestId}},
        "formatters": {
            "json": {
                "()": _Formatter,
                "fmt": "%(levelname)s %(name)s %(message)s",
                "rename_fields": {"levelname": "level", "message": "event"},
                "timestamp": "time",  # RFC 3339, in UTC
            }
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": _StandardError(),
                "formatter": "json",
                "filters": ["request_id"],
            }
        },
        # gunicorn's defaults name handlers that are not here; its lines go up to the root. Those
        # for debugging hold requests' targets.
        "loggers": {
            "gunicorn.error": {
                "level": "INFO" if level == "DEBUG" else level,
                "propagate": True,
            },
            # Who did what to whose association is logged at every level.
            "service.audit": {"level": "INFO"},
        },
        "root": {"level": level, "handlers": ["stderr"]},
    }


# No line has them.
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def init_app(level: str) -> None:
    logging.config.dictConfig(configuration(level))


def request_done(
    operation: str, status: int, seconds: float, code: str | None, token_refusal: str | None
) -> None:
    """Write a request's line: what was asked and how it went, never with what.

    What `audit` noted stands in it too: one line costs half of two.
    """
    noted: dict[str, Any] | None = g.get("audit")
    log = audit_logger if noted else logger
    if log.isEnabledFor(logging.INFO):
        extra: dict[str, Any] = {
            "operation": operation,
            "status": status,
            "duration_ms": round(seconds * 1000, 2),
            "code": code,
        }
        if token_refusal is not None:
            extra["reason"] = token_refusal
        log.info("request", extra=extra | noted if noted else extra)


def audit(outcome: str, user_id: int | None, provider: str | None) -> None:
    """Note for the request's line what came of it for whose association.

    The ext_id and metadata stay out of it.

    Args:
        outcome: `created`, `changed`, `deleted` or `refused`.
        user_id: whose association it is (the actor's id comes from the filter); None for
            a look-up of whose it is.
        provider: where; None when it was refused before that was known.
    """
    g.audit = {"outcome": outcome, "user_id": user_id, "provider": provider}
