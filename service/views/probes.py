"""What monitors ask: is it alive, is it ready, how is it doing. Nothing about the inside."""

import logging

from flask import Blueprint, Response

from service import database
from service.telemetry import metrics
from service.web import errors

logger = logging.getLogger(__name__)
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
    try:
        text = metrics.render()
    except (OSError, ValueError) as error:
        logger.error("the metrics can't be read", extra={"reason": str(error)})
        raise errors.of_status(503) from None
    return Response(text, content_type=metrics.CONTENT_TYPE)
