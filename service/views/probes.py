"""What monitors ask: is it alive, is it ready, how is it doing. Nothing about the inside."""

from flask import Blueprint, Response

from service import database
from service.telemetry import metrics

blp = Blueprint("probes", __name__)


@blp.get("/healthz")
def healthz() -> Response:
    """200 while the process serves."""
    return Response('{"status":"ok"}', content_type="application/json")


@blp.get("/readyz")
def readyz() -> Response:
    """200 when the database answers, at this release's newest migration or a later one."""
    database.check()
    return Response('{"status":"ok"}', content_type="application/json")


@blp.get("/metrics")
def render_metrics() -> Response:
    """Prometheus' text format, over all workers. The reverse proxy keeps it from the public."""
    return Response(metrics.render(), content_type=metrics.CONTENT_TYPE)
