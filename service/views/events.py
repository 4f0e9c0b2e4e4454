"""The feed of events, for admins; a user's history."""

from typing import Any

from flask import Response

from service.auth.access import admin_required, bearer_required
from service.schemas.events import (
    FeedQuerySchema,
    FeedSchema,
    HistoryQuerySchema,
    HistorySchema,
)
from service.store import events
from service.web import errors
from service.web.api import Blueprint

blp = Blueprint(
    "events",
    __name__,
    description="What became of associations: one event for each change, kept for a while.",
)

_HISTORY = HistoryQuerySchema()


@blp.route("/provider/events", methods=["GET"])
@admin_required
@blp.arguments(FeedQuerySchema(), location="query")
@blp.response(200, FeedSchema())
@blp.refuses(400, 401, 403, 410)
def feed(query: dict[str, Any]) -> Any:
    """Follow all events in the order of their ids (admins)."""
    found = events.feed(query["after"], query["limit"])
    return {"events": found, "next_after": found[-1].id if found else query["after"]}


@blp.route("/<user_id:user_id>/provider/history", methods=["GET"])
@bearer_required
@blp.arguments(_HISTORY, location="query")
@blp.response(200, HistorySchema())
@blp.refuses(400, 401, 403)
def history(query: dict[str, Any]) -> Any:
    """Page through the events that name a user, the newest first."""
    limit, (before,) = query["limit"], query["after"]
    # One more shows whether there is a next page.
    found = events.history(query["user_id"], before=before, limit=limit + 1)
    return {"events": found[:limit], "next_cursor": _HISTORY.next_cursor(query, found)}


@blp.errorhandler(events.Gone)
def _gone(_: events.Gone) -> Response:
    return errors.of_status(410).get_response()
