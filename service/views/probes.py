"""What monitors ask: is it alive, is it ready, how is it doing. Nothing about the inside."""

import logging
from datetime import UTC, datetime

from flask import Blueprint, Response, current_app

from service import database
from service.store import webhooks
from service.telemetry import backlogs, metrics
from service.web import draining, errors

logger = logging.getLogger(__name__)
blp = Blueprint("probes", __name__)


@blp.get("/healthz")
def healthz() -> Response:
    """200 while the process serves."""
    return Response('{"status":"ok"}', content_type="application/json")


@blp.get("/readyz")
def readyz() -> Response:
    """200 when the database answers, at this release's newest migration or a later one.

    503 also for a while before the process stops (DRAIN_SECONDS).
    """
    if draining.has_begun():
        raise errors.of_status(503)
    database.check()
    return Response('{"status":"ok"}', content_type="application/json")


@blp.get("/metrics")
def render_metrics() -> Response:
    """Prometheus' text format, over all workers. The reverse proxy keeps it from the public."""
    try:
        text = metrics.render() + backlogs.render(_backlogs())
    except (OSError, ValueError) as error:
        logger.error("the metrics can't be read", extra={"reason": str(error)})
        raise errors.of_status(503) from None
    return Response(text, content_type=metrics.CONTENT_TYPE)


def _backlogs() -> backlogs.Backlogs:
    """Of each address of the webhooks; of none while the database can't say."""
    now = datetime.now(UTC)
    addresses = current_app.config["WEBHOOK_URLS"].items()
    try:
        found = {name: webhooks.backlog(url) for name, url in addresses}
    except database.Unavailable:
        return {}
    # Not below 0: another machine's clock may be ahead.
    return {
        name: (backlog.undelivered, max((now - (backlog.oldest or now)).total_seconds(), 0))
        for name, backlog in found.items()
    }
