"""The directory: who has which identity, of many at once. For admins."""

from typing import Any

from service.auth.access import admin_required
from service.schemas.directory import (
    LookupResultSchema,
    LookupSchema,
    SearchQuerySchema,
    SearchResultSchema,
)
from service.store import directory
from service.web.api import Blueprint

blp = Blueprint(
    "directory",
    __name__,
    description="Who has which identity, of many at once (admins).",
)

_SEARCH = SearchQuerySchema()


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


@blp.route("/provider/search", methods=["GET"])
@admin_required
@blp.arguments(_SEARCH, location="query")
@blp.response(200, SearchResultSchema())
@blp.refuses(400, 401, 403)
def search(query: dict[str, Any]) -> Any:
    """Page through all associations, by provider and then ext_id (admins)."""
    limit = query["limit"]
    # One more shows whether there is a next page.
    found = directory.search(
        query["provider"], query["created_by"], after=query["after"], limit=limit + 1
    )
    return {"associations": found[:limit], "next_cursor": _SEARCH.next_cursor(query, found)}
