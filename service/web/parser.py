"""What a request must be before a schema sees it: webargs' parser, stricter."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NoReturn

from flask import Request, current_app, request
from marshmallow import RAISE, Schema, ValidationError
from webargs.flaskparser import FlaskParser

from service.schemas.fields import canonical_id
from service.schemas.messages import Message
from service.schemas.requests import RequestSchema
from service.web import edge, errors, reading
from service.web.errors import Entry, Problem
from service.web.reading import Errors

MOST_UNKNOWN = 20
"""How many unknown fields are named one by one."""
_LONGEST_NAME = 100
_UNKNOWN = Message("unknown", "There is no such query parameter here; leave it out.")


class StrictParser(FlaskParser):
    """Refuses in the contract's order: 406, 413, then 400 with everything that is wrong.

    As it comes, webargs reads a body of another media type as empty, takes UTF-16, NaN and
    repeated keys, and drops unknown and repeated query parameters in silence.
    """

    DEFAULT_VALIDATION_STATUS = 400
    # None: what is unknown is the schema's decision, everywhere.
    DEFAULT_UNKNOWN_BY_LOCATION = {"json": None, "query": None, "json_or_query": None}
    __location_map__ = {
        "json": "load_json",
        "query": "load_query",
        "json_or_query": "load_json_or_query",
    }

    def parse(self, argmap: Any, req: Request | None = None, **kwargs: Any) -> Any:
        req = req or self.get_default_request()
        reading.check_accept(req)
        if (req.content_length or 0) > edge.LARGEST_BODY:
            raise errors.of_status(413)
        return super().parse(argmap, req, **kwargs)

    def get_default_request(self) -> Request:
        found: Request = request._get_current_object()  # type: ignore[attr-defined]  # a proxy has it
        return found  # not the proxy, which looks for it at each use

    def load_json(self, req: Request, schema: Schema) -> dict[str, Any]:
        """The body; and no query with it."""
        unwanted, repeated = reading.read_query(req)
        found = _with_path_user(reading.read_json(req, reading.read_body(req)), req)
        if isinstance(schema, RequestSchema) and schema.takes_listed_providers_only:
            found = with_listed_provider(found, current_app.config["PROVIDERS"])
        return self._unless(_unknown(unwanted) | repeated, found, schema)

    def load_query(self, req: Request, schema: Schema) -> dict[str, Any]:
        """The query; where the path names the user, it can't. A DELETE's body may name the user."""
        query, errors = reading.read_query(req)
        if "user_id" in query and _path_user(req):
            errors["user_id"] = [_UNKNOWN]
        if req.method == "DELETE" and (raw := reading.read_body(req)):
            query |= reading.read_json(req, raw)
        return self._unless(errors, _with_path_user(query, req), schema)

    def load_json_or_query(self, req: Request, schema: Schema) -> dict[str, Any]:
        """The body's pair if it holds one, else the query's; the user from either."""
        query, repeated = reading.read_query(req)
        unwanted = _unknown([name for name in query if name not in schema.fields])
        raw = reading.read_body(req)
        body = reading.read_json(req, raw) if raw else {}
        source = body if body.keys() & {"provider", "ext_id"} else query
        found = {name: value for name, value in source.items() if name in ("provider", "ext_id")}
        for named in (body, query):
            if "user_id" in named:
                found = _with_user(found, named["user_id"])
        return self._unless(unwanted | repeated, _with_path_user(found, req), schema)

    def _unless(self, errors: Errors, found: dict[str, Any], schema: Schema) -> dict[str, Any]:
        """What was found, unless the query is wrong: then what the schema refuses is said too."""
        if errors:
            others = schema.validate(self.pre_load(found, schema=schema))
            raise ValidationError({**others, **errors})
        return found

    def pre_load(self, location_data: Any, *, schema: Schema, **_: Any) -> Any:
        return with_few_unknown(location_data, schema)

    def handle_error(
        self, error: ValidationError, req: Request, schema: Schema, **_: Any
    ) -> NoReturn:
        (messages,) = error.messages.values()  # type: ignore[union-attr]  # of the one location
        raise Problem(400, *entries_of(messages))


def with_few_unknown(found: Any, schema: Schema) -> Any:
    """Of very many unknown fields keep the first: each would cost its time and its answer."""
    if len(found) <= MOST_UNKNOWN or schema.unknown != RAISE:
        return found
    known = {field.data_key or name for name, field in schema.fields.items()}
    unknown = _first([name for name in found if name not in known])
    return {name: value for name, value in found.items() if name in known} | dict.fromkeys(unknown)


def entries_of(messages: Mapping[str, Any]) -> list[Entry]:
    """What a schema refuses, as the answer lists it."""
    entries = [entry for name, found in messages.items() for entry in _entries(name, found)]
    return sorted(entries, key=_place)


def entries_of_error(error: ValidationError) -> list[Entry]:
    """The same of what a schema raised by itself."""
    return entries_of(error.normalized_messages())  # type: ignore[no-untyped-call]  # not typed there


class _Rest(str):
    """Stands among the names of unknown fields for those that aren't named."""


def _first(unknown: list[str]) -> list[str]:
    """The names that an answer holds: as many as help a caller, not as many as one may send."""
    more = len(unknown) - MOST_UNKNOWN
    if more <= 0:
        return unknown
    return [*unknown[:MOST_UNKNOWN], _Rest(f"There are {more} more unknown fields.")]


def _entries(name: str, found: Any) -> Iterator[Entry]:
    """One for a field, its first message; of a list's or object's parts with the part's name."""
    if isinstance(name, _Rest):
        yield Entry("unknown", name)
        return
    where = ""
    while isinstance(found, dict):
        part, found = next(iter(found.items()))
        where += f"At {part}: "
    # marshmallow's name for the whole. A field of that name is unknown: both may be there.
    for message in found if name == "_schema" else found[:1]:
        code = getattr(message, "code", "invalid")
        is_field = name != "_schema" or code == "unknown"
        yield Entry(code, f"{where}{message}", _clip(name) if is_field else None)


def _place(entry: Entry) -> tuple[bool, str]:
    """Fields before the whole; unknown ones, which marshmallow finds in any order, by name.

    Among them are some that are repeated, too, and are said to be that.
    """
    is_found_anywhere = entry.code in ("unknown", "repeated")
    return entry.field is None, (entry.field or "") if is_found_anywhere else ""


def _with_path_user(found: dict[str, Any], req: Request) -> dict[str, Any]:
    """The path's user stands for the fields'; fields that name another are refused by theirs."""
    user_id = _path_user(req)
    return _with_user(found, user_id) if user_id else found


def _path_user(req: Request) -> int | None:
    return (req.view_args or {}).get("user_id")


def _with_user(found: dict[str, Any], user_id: Any) -> dict[str, Any]:
    named = found.get("user_id", user_id)
    if canonical_id(named) is not None and canonical_id(named) != canonical_id(user_id):
        named = Message("mismatch", "Another user than this one is named beside it; leave it out.")
    return {**found, "user_id": named}


def with_listed_provider(found: dict[str, Any], listed: Collection[str]) -> dict[str, Any]:
    """A provider that can't be linked here is refused by the schema, with all else."""
    provider = found.get("provider")
    if listed and isinstance(provider, str) and provider not in listed:
        text = f"This provider can't be linked here; these can: {', '.join(sorted(listed))}."
        return {**found, "provider": Message("invalid_choice", text)}
    return found


def _unknown(names: Iterable[str]) -> Errors:
    return {name: [_UNKNOWN] for name in _first(list(names))}


def _clip(name: object) -> str:
    """A field's name as the client sent it, which may be anything."""
    return str(name).encode(errors="backslashreplace").decode()[:_LONGEST_NAME]
