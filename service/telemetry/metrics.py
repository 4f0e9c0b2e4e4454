"""Prometheus metrics over all workers. Labels are of bounded number: never an id."""

from functools import lru_cache

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
    """The metrics of all workers in Prometheus' text format."""
    if values.ValueClass.__name__ == "MutexValue":  # one process, no shared files
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # nor here
    return generate_latest(registry)
