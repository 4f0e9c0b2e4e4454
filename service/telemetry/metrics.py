"""Prometheus metrics over all workers. Labels are of bounded number: never an id.

prometheus-client adds up files, one a process and kind, that the processes map into memory. Here
a worker has the files of its slot, which its successor takes over: there are as many files as
workers, and no count is lost. A worker without a slot counts nothing.
"""

import logging
import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
    values,
)
from prometheus_client.registry import REGISTRY

CONTENT_TYPE = CONTENT_TYPE_LATEST
FILE_BYTES = 256 * 1024  # what all labels need, and half of that again
_KINDS = ("counter", "histogram", "gauge_livesum")

logger = logging.getLogger(__name__)


class _Slot:
    """Whose files this process counts in; None: nobody's."""

    name: str | None = None


def join(slot: str) -> None:
    """Count in this slot's files from now on; where there is no room for them, count nothing.

    Room is taken before anything is written: writing to a mapped file for which the disk has no
    room kills the process.
    """
    try:
        for kind in _KINDS:
            _take_room(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]) / f"{kind}_{slot}.db")
    except OSError as error:
        _give_up(error)
    else:
        _Slot.name = slot


def ended(slot: str) -> None:
    """Take what a worker had open when it ended, such as connections, out of the sums."""
    try:
        multiprocess.mark_process_dead(slot)  # type: ignore[no-untyped-call]  # not typed there
    except OSError as error:
        logger.error("the metrics of a worker that ended stay", extra={"reason": str(error)})


def _take_room(file: Path) -> None:
    try:
        with file.open("xb") as new:
            new.write(bytes(FILE_BYTES))
    except FileExistsError:  # the predecessor's
        pass
    except OSError:
        file.unlink(missing_ok=True)
        raise


def _give_up(error: Exception) -> None:
    _Slot.name = None
    logger.error("this worker counts nothing for /metrics", extra={"reason": str(error)})


_SharedValue: Any = values.MultiProcessValue(  # type: ignore[no-untyped-call]  # nor here
    process_identifier=lambda: _Slot.name
)


class _Value(_SharedValue):  # type: ignore[misc]  # a class that a function made
    """A number in its slot's file, which is opened when the number first changes there."""

    def __init__(self, *of: Any, **options: Any) -> None:
        self._unopened: Any = of, options

    def inc(self, amount: float) -> None:
        self._change(super().inc, amount)

    def set(self, value: float, timestamp: float | None = None) -> None:
        self._change(super().set, value)

    def _change(self, change: Callable[[float], None], value: float) -> None:
        if _Slot.name is None:
            return
        try:
            if unopened := self._unopened:  # by two threads at once does no harm
                super().__init__(*unopened[0], **unopened[1])
                self._unopened = None
            change(value)
        except Exception as error:
            _give_up(error)


if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
    values.ValueClass = _Value

REQUESTS = Counter("social_requests_total", "Requests answered.", ["operation", "status"])
DURATION = Histogram(
    "social_request_duration_seconds",
    "Time from a request's arrival in the application to its answer.",
    ["operation"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2),
)
REFUSALS = Counter("social_refusals_total", "Refusals by the first error's code.", ["code"])
TOKEN_REFUSALS = Counter("social_token_refusals_total", "Tokens refused, by why.", ["reason"])
TOKENS = Counter(
    "social_token_cache_total", "Tokens that were remembered (hit) or not (miss).", ["result"]
)
DROPPED_LINES = Counter("social_log_lines_dropped_total", "Log lines for which nobody read.")
REPLICA_FALLBACKS = Counter(
    "social_replica_fallbacks_total", "Reads that the replica could not do; the primary did most."
)
POOL = Gauge(
    "social_database_pool_connections",
    "Database connections of the pools, by state.",
    ["state"],
    multiprocess_mode="livesum",
)


# A labelled child is looked up under a lock by its labels' texts; these are held instead.
OPEN_CONNECTIONS = POOL.labels("open")
CONNECTION_LIMIT = POOL.labels("limit")
TOKEN_HITS = TOKENS.labels("hit")
TOKEN_MISSES = TOKENS.labels("miss")


@lru_cache(maxsize=1024)
def _of(operation: str, status: int) -> tuple[Counter, Histogram]:
    return REQUESTS.labels(operation, status), DURATION.labels(operation)


def observe(
    operation: str, status: int, seconds: float, refusal: str | None, token_refusal: str | None
) -> None:
    requests, duration = _of(operation, status)
    requests.inc()
    duration.observe(seconds)
    if refusal is not None:
        REFUSALS.labels(refusal).inc()
    if token_refusal is not None:
        TOKEN_REFUSALS.labels(token_refusal).inc()


def render() -> bytes:
    """The metrics of all workers in Prometheus' text format.

    Raises:
        OSError, ValueError: the folder is gone or can't be read.
    """
    if values.ValueClass is not _Value:  # one process, no shared files
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # nor here
    return generate_latest(registry)
