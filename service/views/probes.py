"""What monitors ask: is it alive, is it ready, how is it doing. Nothing about the inside."""

from functools import cache

from alembic.script import ScriptDirectory
from flask import Blueprint, Response, current_app

from service.store import revision
from service.telemetry import metrics
from service.web import errors

blp = Blueprint("probes", __name__)


@blp.get("/healthz")
def healthz() -> Response:
    """200 while the process serves."""
    return Response('{"status":"ok"}', content_type="application/json")


@blp.get("/readyz")
def readyz() -> Response:
    """200 when the database answers and is at the newest migration."""
    if revision.current() != _newest_revision(current_app.config["MIGRATIONS"]):
        raise errors.of_status(503)
    return Response('{"status":"ok"}', content_type="application/json")


@blp.get("/metrics")
def render_metrics() -> Response:
    """Prometheus' text format, over all workers. The reverse proxy keeps it from the public."""
    return Response(metrics.render(), content_type=metrics.CONTENT_TYPE)


@cache
def _newest_revision(directory: str) -> str | None:
    return ScriptDirectory(directory).get_current_head()
