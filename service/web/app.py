"""Flask, with what every request of this service has in common."""

from collections.abc import Callable
from typing import Any

from flask import Flask, Request, Response
from flask.json.provider import JSONProvider
from flask.sessions import NullSession, SessionInterface
from werkzeug.routing import BaseConverter, MapAdapter

from service import strict_json
from service.schemas import patterns


class UserIdConverter(BaseConverter):
    """A user id in a path: canonical, or the path is unknown (404).

    The expression says it all, up to the largest id: a converter that refuses in `to_python`
    turns the path into one that only lacks the method (405).
    """

    regex = patterns.CANONICAL_ID

    def to_python(self, value: str) -> int:
        return int(value)


class _Json(JSONProvider):
    def dumps(self, obj: Any, **_: Any) -> str:
        return strict_json.dumps(obj)

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return strict_json.loads(s if isinstance(s, str) else s.decode())

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """What `jsonify` answers, and so flask-smorest; to None, without content."""
        content = args[0] if len(args) == 1 else args or kwargs or None
        if content is not None:
            body = strict_json.to_bytes(content)
            # Given to the server as it is, without an iterator that encodes, and that is closed.
            return Response(body, content_type="application/json", direct_passthrough=True)
        response = Response()
        del response.headers["Content-Type"]
        return response


class _NoSessions(SessionInterface):
    """There are none; Flask's own would look for a cookie at each request."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        return self._none

    def is_null_session(self, obj: object) -> bool:
        return True


class App(Flask):
    json_provider_class = _Json
    session_interface = _NoSessions()

    def __init__(self, import_name: str) -> None:
        super().__init__(import_name, static_folder=None)
        self.url_map.converters["user_id"] = UserIdConverter
        # Paths are not tidied: a redirect would break CORS preflights and lose bodies.
        self.url_map.merge_slashes = False
        self.url_map.strict_slashes = False

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        # The paths are the same on every host: spares the look at which one was meant.
        if request is None:
            return super().create_url_adapter(None)
        return MapAdapter(self.url_map, "", "/", "", "http", request.path, request.method)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        # No view is a coroutine. Flask and flask-smorest ask that several times a request.
        return func

    def make_default_options_response(self) -> Response:
        response = super().make_default_options_response()
        response.status_code = 204
        del response.headers["Content-Type"]  # of no content
        return response
