"""The social-association service. A request's way through these rooms:

    edge        its id, its headers, the longest target; the log line at the end
    views/      the operations: ask the policy, call the store, return the row
      api       the decorators of the operations; answers as JSON
      parser    strict about bodies and queries
      auth      bearer token -> actor; 401 and 403
      tokens    what a good token is; remembers the good ones
    schemas     what a body must look like; the rule for `external`
      fields    each field's own rule
      patterns  the expressions behind them
    policy      who may do what
    store       every query and every write
    models      the tables
    database    the one way in; which errors are "for now"
    statements  compiled once, run on the driver
    connections one a thread; durability on SQLite
    timeouts    how long PostgreSQL may take

`errors` answers for all of them, `logs` and `metrics` tell of them, `openapi` and `refusals`
describe them, `config` comes before them, `cli` stands beside the views. docs/request.md follows
one request all the way.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Request, Response
from flask.json.provider import JSONProvider
from flask.sessions import NullSession, SessionInterface
from flask_migrate import Migrate
from werkzeug.routing import BaseConverter, MapAdapter

from service import (
    cli,
    config,
    database,
    edge,
    errors,
    logs,
    openapi,
    patterns,
    strict_json,
    tokens,
)
from service.views import associations, docs, probes

__version__ = "1.0.0"

MIGRATIONS = str(config.ROOT / "migrations")


class _UserIdConverter(BaseConverter):
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


class _NoSessions(SessionInterface):
    """Says at once what Flask's cookies find out at each request: there is no session."""

    _none = NullSession()

    def open_session(self, app: Flask, request: Request) -> NullSession:
        return self._none

    def is_null_session(self, obj: object) -> bool:
        return True


class _App(Flask):
    json_provider_class = _Json
    session_interface = _NoSessions()

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        # The paths are the same on every host: spares the look at which one was meant.
        if request is None:
            return super().create_url_adapter(None)
        return self.url_map.bind("", path_info=request.path, default_method=request.method)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        # No view is a coroutine. Flask and flask-smorest ask that several times a request.
        return func

    def make_default_options_response(self) -> Response:
        response = super().make_default_options_response()
        response.status_code = 204
        del response.headers["Content-Type"]  # of no content
        return response


def create_app(environ: Mapping[str, str] = os.environ) -> Flask:
    """Make the WSGI application from an environment.

    Raises:
        ConfigError: a setting is missing or senseless; it exits with a sentence.
    """
    settings = config.load(environ)
    logs.init_app(settings.log_level)
    app = _App(__name__, static_folder=None)
    app.config.update(
        API_TITLE="Social associations",
        API_VERSION=__version__,
        MIGRATIONS=MIGRATIONS,
        PROVIDERS=settings.providers,
        MAX_ASSOCIATIONS_PER_USER=settings.max_associations_per_user,
        JWT_MAX_LIFETIME=settings.jwt_max_lifetime,
        JWT_ROLE_CLAIM=settings.jwt_role_claim,
    )
    app.url_map.converters["user_id"] = _UserIdConverter
    edge.init_app(app, settings.cors_origins)
    errors.init_app(app, database.Unavailable)
    database.init_app(app, settings.database_url, pool_size=settings.threads)
    Migrate(app, database.db, directory=MIGRATIONS)
    tokens.init_app(app, settings)
    cli.init_app(app)
    app.register_blueprint(probes.blp)
    app.register_blueprint(docs.blp)
    app.register_blueprint(associations.blp)
    openapi.init_app(app, associations.blp)
    return app
