"""The operations on associations. Each asks the policy, calls the store, returns the row."""

from typing import Any

from flask import Response, current_app

from service.auth.access import (
    actor,
    authorize,
    bearer_optional,
    bearer_required,
    caller_id,
    origin,
)
from service.policy import is_for_admins, may_link_at, may_manage, sees_hidden
from service.schemas.associations import (
    AssociationSchema,
    ChangeSchema,
    CreateSchema,
    PairSchema,
    QuerySchema,
)
from service.schemas.users import UserSchema
from service.store import associations
from service.telemetry import logs
from service.web.api import Blueprint
from service.web.errors import Entry, Problem

blp = Blueprint(
    "associations",
    __name__,
    description="Which external identities a user is linked to.",
)

# The user is named in the body or query, or in the path. The second form's endpoints end in
# `_for_user`; there the parser puts the path's user into the fields. Without the slash: a rule
# with one does not answer 405 for the path without, however lenient about slashes.
PATH = "/provider"
PATH_WITH_USER = "/<user_id:user_id>/provider"
IN_BODY = "The association, unless the query names it."


@blp.route(PATH_WITH_USER, methods=["POST"], endpoint="create_for_user")
@blp.route(PATH, methods=["POST"])
@bearer_required
@blp.arguments(CreateSchema())
@blp.response(201, AssociationSchema())
@blp.alt_response(200, schema=AssociationSchema(), description="Exactly this was stored already")
@blp.refuses(400, 401, 403, 409, 413)
def create(fields: dict[str, Any]) -> Any:
    """Link a user to an identity at a provider."""
    user_id, provider = fields["user_id"], fields["provider"]
    _authorize_link(user_id, provider)
    limit = current_app.config["MAX_ASSOCIATIONS_PER_USER"]
    row, is_new = associations.create(fields, by=origin(), limit=limit)
    if is_new:
        logs.audit("created", user_id, provider)
    return row, 201 if is_new else 200


@blp.route(PATH, methods=["GET"], endpoint="list")
@bearer_optional("provider", "ext_id")
@blp.arguments(QuerySchema(), location="query")
@blp.response(200, AssociationSchema(many=True))
@blp.refuses(400, 401, 403)
def list_or_look_up(query: dict[str, Any]) -> Any:
    """List the associations of a user, or (admins, by the pair) the one that has it."""
    if "provider" in query:
        authorize(is_for_admins)
        return associations.look_up(query["provider"], query["ext_id"])
    user_id = query.get("user_id") or caller_id()
    if user_id is None:
        raise Problem(400, Entry("required", "Say whose associations to list.", "user_id"))
    return _list(user_id)


@blp.route(PATH_WITH_USER, methods=["GET"], endpoint="list_for_user")
@bearer_optional()
@blp.arguments(UserSchema(), location="query")
@blp.response(200, AssociationSchema(many=True))
@blp.refuses(400, 401)
def list_for_user(query: dict[str, Any]) -> Any:
    """List the associations of a user."""
    return _list(query["user_id"])


def _list(user_id: int) -> Any:
    with_hidden = sees_hidden(actor(concerning=user_id), user_id)
    return associations.list_of_user(user_id, with_hidden=with_hidden)


@blp.route(PATH_WITH_USER, methods=["PATCH"], endpoint="change_for_user")
@blp.route(PATH, methods=["PATCH"])
@bearer_required
@blp.arguments(ChangeSchema())
@blp.response(200, AssociationSchema())
@blp.refuses(400, 401, 403, 404, 413)
def change(fields: dict[str, Any]) -> Any:
    """Change an association's details; null clears one."""
    user_id, provider = fields["user_id"], fields["provider"]
    _authorize_link(user_id, provider)
    row = associations.change(user_id, provider, fields["ext_id"], fields["changes"], by=origin())
    logs.audit("changed", user_id, provider)
    return row


@blp.route(PATH_WITH_USER, methods=["DELETE"], endpoint="delete_for_user")
@blp.route(PATH, methods=["DELETE"])
@bearer_required
@blp.arguments(PairSchema(), location="json_or_query", required=False, description=IN_BODY)
@blp.doc(parameters=[{"in": "query", "schema": PairSchema(partial=True)}])
@blp.response(204)
@blp.refuses(400, 401, 403, 404, 413)
def delete(pair: dict[str, Any]) -> None:
    """Unlink a user from an identity."""
    user_id, provider = pair["user_id"], pair["provider"]
    authorize(may_manage, user_id, provider)
    associations.delete(user_id, provider, pair["ext_id"], by=origin())
    logs.audit("deleted", user_id, provider)


def _authorize_link(user_id: int, provider: str) -> None:
    rule = may_link_at(provider, current_app.config["PROVIDERS_BY_ADMIN"])
    authorize(rule, user_id, provider)


@blp.errorhandler(associations.NotFound)
def _not_found(_: associations.NotFound) -> Response:
    # Whether somebody else has the pair is nobody's business.
    text = "This user has no association with this provider and ext_id."
    return Problem(404, Entry("not_found", text)).get_response()


@blp.errorhandler(associations.Taken)
def _taken(_: associations.Taken) -> Response:
    # The same bytes whoever has it.
    text = "This provider and ext_id are linked already, or with other values."
    return Problem(409, Entry("unique", text)).get_response()


@blp.errorhandler(associations.LimitReached)
def _limit_reached(_: associations.LimitReached) -> Response:
    text = "This user has as many associations as one may have; delete one first."
    return Problem(409, Entry("limit", text)).get_response()
