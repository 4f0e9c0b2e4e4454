"""A user as a whole."""

from typing import Any

from service.auth.access import admin_required, origin
from service.schemas.users import ErasedSchema, UserSchema
from service.store import users
from service.telemetry import logs
from service.web.api import Blueprint

blp = Blueprint(
    "users",
    __name__,
    description="What concerns a user as a whole.",
)


@blp.route("/<user_id:user_id>/provider/all", methods=["DELETE"])
@admin_required
@blp.arguments(UserSchema(), location="query")
@blp.response(200, ErasedSchema())
@blp.refuses(400, 401, 403)
def erase(query: dict[str, Any]) -> Any:
    """Forget a user who leaves for good: associations, events, the admin grant (admins)."""
    deleted = users.erase(query["user_id"], by=origin())
    logs.audit("erased", query["user_id"], None)
    return {"deleted": deleted}
