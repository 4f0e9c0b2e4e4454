"""From one user to another."""

from typing import Any

from flask import Response, current_app

from service.auth.access import admin_required, origin
from service.schemas.associations import AssociationSchema
from service.schemas.transfers import TransferSchema
from service.store import transfers
from service.store.associations import LimitReached, NotFound
from service.telemetry import logs
from service.web.api import Blueprint
from service.web.errors import Entry, Problem

blp = Blueprint(
    "transfers",
    __name__,
    description="Associations that go from one user to another, as when two accounts become one.",
)


@blp.route("/<user_id:user_id>/provider/transfer", methods=["POST"])
@admin_required
@blp.arguments(TransferSchema())
@blp.response(200, AssociationSchema(many=True))
@blp.refuses(400, 401, 403, "NEITHER_HAS_IT", "OVER_THE_CAP", 413)
def transfer(fields: dict[str, Any]) -> Any:
    """Give one association of a user, or all, to another user (admins)."""
    limit = current_app.config["MAX_ASSOCIATIONS_PER_USER"]
    rows, is_new = transfers.transfer(**fields, by=origin(), limit=limit)
    if is_new:
        provider = fields["pair"] and fields["pair"][0]
        to_user_id = fields["to_user_id"]
        logs.audit("transferred", fields["from_user_id"], provider, to_user_id=to_user_id)
    return rows


@blp.errorhandler(NotFound)
def _not_found(_: NotFound) -> Response:
    text = "Neither user has an association with this provider and ext_id."
    return Problem(404, Entry("not_found", text)).get_response()


@blp.errorhandler(LimitReached)
def _limit_reached(_: LimitReached) -> Response:
    text = "The user to have it would have more associations than one may; nothing was changed."
    return Problem(409, Entry("limit", text)).get_response()
