"""flask-smorest's Blueprint with the strict parser, and leaner at each request."""

from functools import wraps
from http import HTTPStatus
from typing import Any

import flask_smorest
from flask import Response, request
from marshmallow import Schema
from werkzeug.datastructures import Headers

from service import strict_json
from service.web.parser import StrictParser


class Blueprint(flask_smorest.Blueprint):
    """Has the strict parser, and tells the statuses of refusals to the OpenAPI document.

    What flask-smorest's decorators declare stays theirs; what they do at each request is done
    here in a line, without the choices that no view of ours makes.
    """

    ARGUMENTS_PARSER = StrictParser()

    def arguments(self, schema: Schema, *, location: str = "json", **kwargs: Any) -> Any:
        declare = super().arguments(schema, location=location, **kwargs)
        parse = self.ARGUMENTS_PARSER.parse

        def decorator(view: Any) -> Any:
            @wraps(view)
            def wrapper() -> Any:
                return view(parse(schema, request, location=location))

            wrapper._apidoc = declare(view)._apidoc  # type: ignore[attr-defined]  # smorest's mark
            return wrapper

        return decorator

    def response(self, status_code: int, schema: Schema | None = None, **kwargs: Any) -> Any:
        declare = super().response(status_code, schema, **kwargs)

        def decorator(view: Any) -> Any:
            @wraps(view)
            def wrapper(*args: Any) -> Response:
                result, status = view(*args), status_code
                if type(result) is tuple:  # a row is a named tuple
                    result, status = result
                if schema is None:
                    return no_content()
                body = strict_json.to_bytes(schema.dump(result))
                return _Answer(body, status, content_type="application/json")

            wrapper._apidoc = declare(view)._apidoc  # type: ignore[attr-defined]  # smorest's mark
            return wrapper

        return decorator

    def alt_response(self, *args: Any, **kwargs: Any) -> Any:
        declare = super().alt_response(*args, **kwargs)

        def decorator(view: Any) -> Any:
            view._apidoc = declare(view)._apidoc
            return view

        return decorator

    def refuses(self, *statuses: int) -> Any:
        """Decorator declaring the statuses of a view's refusals, beside those any view has."""

        def decorator(view: Any) -> Any:
            for status in statuses:
                view = self.alt_response(status, HTTPStatus(status).name)(view)
            return view

        return decorator


class _Answer(Response):
    """Has all its headers; Werkzeug would copy them to see what is missing."""

    def get_wsgi_headers(self, environ: Any) -> Headers:
        return self.headers


def no_content() -> Response:
    response = Response(status=204)
    del response.headers["Content-Type"]  # of no content
    return response
