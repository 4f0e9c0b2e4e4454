"""Logs: what a line holds and how it looks; never tokens, bodies or queries."""

import logging
import logging.config
import traceback
from datetime import UTC, datetime
from typing import Any

from flask import g, has_request_context
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.orjson import OrjsonFormatter

from service.telemetry.standard_error import Handler

logger = logging.getLogger("service.request")
audit_logger = logging.getLogger("service.audit")


_REQUEST = {"msg": "request", "levelname": "INFO", "levelno": logging.INFO}
_OF_ANY_RECORD = frozenset(RESERVED_ATTRS)
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
    frames are written, so that a line stays under 4 KiB: see `standard_error.Handler`.
    """

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """Gather a line's members; the library's own, by settings, takes three times as long."""
        log_data |= {"level": record.levelname, "name": record.name, "event": record.message}
        log_data |= message_dict  # what `formatException` gives
        log_data |= {k: v for k, v in record.__dict__.items() if k not in _OF_ANY_RECORD}
        log_data["time"] = datetime.fromtimestamp(record.created, UTC)  # RFC 3339 in the end

    def formatException(self, ei: Any) -> str:
        found: list[str] = []
        error = ei[1]
        while error is not None and len(found) < _MOST_EXCEPTIONS:
            frames = traceback.extract_tb(error.__traceback__)[-_MOST_FRAMES:]
            places = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
            found.append(" > ".join([*places, type(error).__name__])[-_LONGEST_TRACE:])
            error = error.__cause__ or error.__context__
        return " < ".join(found)


class _Text(_Formatter):
    """The same for people: the local time, what happened, and the other members that are set."""

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        time, level, event = (log_data.pop(name) for name in ("time", "level", "event"))
        members = [f"{name}={value}" for name, value in log_data.items() if value is not None]
        line = " ".join([f"{time.astimezone():%H:%M:%S}", f"{level:7}", str(event), *members])
        # One line each, whatever is in it.
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


def configuration(level: str, form: str) -> dict[str, Any]:
    """A `logging.config.dictConfig` that gunicorn and the application share.

    Args:
        level: the least level that is logged, such as `INFO`.
        form: `json` or `text`.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": _RequestId}},
        "formatters": {
            "line": {"()": _Text if form == "text" else _Formatter},
        },
        "handlers": {
            "stderr": {
                "()": Handler,
                "formatter": "line",
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
            # It quotes addresses, and those may be secret.
            "httpcore": {"level": "WARNING"},
            # Who did what to whose association is logged at every level.
            "service.audit": {"level": "INFO"},
        },
        "root": {"level": level, "handlers": ["stderr"]},
    }


# No line shows these, so nobody need find them out.
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def init_app(level: str, form: str) -> None:
    logging.config.dictConfig(configuration(level, form))


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
        record = {**_REQUEST, "name": log.name, **extra, **(noted or {})}
        log.handle(logging.makeLogRecord(record))  # `info` would look for its caller's line


def audit(outcome: str, user_id: int | None, provider: str | None, **further: int) -> None:
    """Note for the request's line what came of it for whose association.

    The ext_id and metadata stay out of it.

    Args:
        outcome: `created`, `changed`, `deleted`, `transferred`, `erased` or `refused`.
        user_id: whose associations it concerns (the actor's id comes from the filter); None when
            an operation for admins was refused that concerns nobody in particular.
        provider: where; None for all, and when it was refused before that was known.
        further: of a transfer `to_user_id`.
    """
    g.audit = {"outcome": outcome, "user_id": user_id, "provider": provider, **further}
