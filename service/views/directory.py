"""The directory: who has which identity, of many at once. For admins."""

from typing import Any

from service.auth.access import admin_required
from service.schemas.directory import LookupResultSchema, LookupSchema
from service.store import directory
from service.web.api import Blueprint

blp = Blueprint(
    "directory",
    __name__,
    description="Who has which identity, of many at once (admins).",
)


@blp.route("/provider/lookup", methods=["POST"])
@admin_required
@blp.arguments(LookupSchema())
@blp.response(200, LookupResultSchema())
@blp.refuses(400, 401, 403, 413)
def lookup(asked: dict[str, Any]) -> Any:
    """Look up who has these identities, or what these users have (admins)."""
    if "user_ids" in asked:
        found = directory.of_users(asked["user_ids"])
    else:
        found = directory.of_identities(asked["provider"], asked["ext_ids"])
    return {"associations": found.rows, "not_found": found.missing}
