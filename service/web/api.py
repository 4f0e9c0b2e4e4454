"""flask-smorest's Api and Blueprint with our parser and our one body for refusals."""

from http import HTTPStatus
from typing import Any

import flask_smorest
from flask import Response
from werkzeug.exceptions import HTTPException

from service.web import errors, refusals
from service.web.parser import StrictParser

Security = list[dict[str, list[str]]]
BEARER_REQUIRED: Security = [{"bearer": []}]
BEARER_OPTIONAL: Security = [{}, {"bearer": []}]


class Api(flask_smorest.Api):
    # Each status is declared; a default one would admit any.
    DEFAULT_ERROR_RESPONSE_NAME = None
    ERROR_SCHEMA = {"$ref": "#/components/schemas/Problem"}

    def handle_http_exception(self, error: HTTPException) -> Response:
        return errors.of_http_exception(error)


class Blueprint(flask_smorest.Blueprint):
    """Operations of one kind, below the address of users unless set otherwise."""

    ARGUMENTS_PARSER = StrictParser()
    DEFAULT_LOCATION_CONTENT_TYPE_MAPPING = {
        "json": "application/json",
        "json_or_query": "application/json",
    }

    def __init__(
        self, name: str, module: str, *, description: str, url_prefix: str = "/api/v2/user"
    ) -> None:
        super().__init__(name, module, url_prefix=url_prefix, description=description)

    def refuses(self, *statuses: int | str) -> Any:
        """Decorator declaring a view's refusals; those that any view may give go without saying.

        Args:
            statuses: or names of `refusals.NAMED`, where a status means something else here.
        """
        named = {refusals.NAMED[name].status: name for name in statuses if isinstance(name, str)}
        plain = {s: HTTPStatus(s).name for s in statuses if isinstance(s, int)}
        return self.doc(responses=plain | named)
