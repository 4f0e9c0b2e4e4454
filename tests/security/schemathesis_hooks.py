"""What the service's OpenAPI document can't say, said to schemathesis.

JSON Schema takes 7.0 for an integer and can't look into a string, and OpenAPI has no rule
across parameters and body. Only valid requests are completed; invalid ones stay as they are.
"""

import json
from typing import Any

import schemathesis

PAIR = ("provider", "ext_id")


@schemathesis.hook
def filter_body(context: Any, body: Any) -> bool:
    """Leave out whole doubles beyond 64 bits: the document says that it can't describe them."""
    if isinstance(body, dict):
        return all(filter_body(context, part) for part in body.values())
    if isinstance(body, list):
        return all(filter_body(context, part) for part in body)
    return not (isinstance(body, float) and body.is_integer() and abs(body) >= 2**63)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    body = case.body if isinstance(case.body, dict) else None
    query = dict(case.query or {})
    user_id = (case.path_parameters or {}).get("user_id")
    if body is not None:
        body = {name: _plain(name, value) for name, value in body.items()}
        if user_id is not None and "user_id" in body:
            body["user_id"] = user_id
        if user_id is not None and str(body.get("to_user_id")) == str(user_id):
            body["to_user_id"] = 7 if user_id != 7 else 9
    if user_id is not None and "user_id" in query:
        query["user_id"] = user_id
    query.pop("cursor", None)  # which only the service makes
    query = {name: _plain(name, value) for name, value in query.items()}
    if case.method == "GET" and case.operation.path.endswith("/provider/") and query:
        if "user_id" in query:
            query = {"user_id": query["user_id"]}
        elif not all(name in query for name in PAIR):
            query = {}
    if case.method == "DELETE" and case.operation.path.endswith("/provider/"):
        named = [source for source in (body, query) if source and "user_id" in source]
        if body is not None and len(named) == 2:
            query["user_id"] = body["user_id"]
        if user_id is None and not named:
            query["user_id"] = 7
        has_pair = body is not None and any(name in body for name in PAIR)
        if not has_pair:
            query = {"provider": "facebook", "ext_id": "x", **query}
    if body is not None and repr(body) != repr(case.body):  # to Python 7 == 7.0
        case.body = body
    if query != (case.query or {}):
        case.query = query


_INTEGERS = ("user_id", "to_user_id", "created_by", "ext_id", "limit", "after")


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, list):  # of user_ids or ext_ids
        return [_plain(name.removesuffix("s"), one) for one in value]
    if name in _INTEGERS and isinstance(value, float):
        return int(value)
    if name == "metadata" and isinstance(value, str):
        try:
            json.loads(value)
        except ValueError:
            return "{}"
    return value
