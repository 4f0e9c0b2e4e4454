"""What the commands share: failures as sentences, and the types of their arguments."""

from typing import Any

import click
from flask.cli import AppGroup
from marshmallow import ValidationError

from service.database import Unavailable
from service.schemas.fields import Provider, canonical_id


class Failure(click.ClickException):
    """It could not be done, or not to the end; 1 says that it was done, but not all is well."""

    exit_code = 2


class Group(AppGroup):
    """Commands whose failures are sentences, not traces.

    Args:
        failure: what is raised when the database can't do it.
    """

    def __init__(
        self, *args: Any, failure: type[click.ClickException] = click.ClickException, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._failure = failure

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except Unavailable as error:
            why = str(error).rstrip(".")  # libpq's words may end with one
            raise self._failure(f"The database can't do this for now: {why}.") from error
        except KeyboardInterrupt:  # TERM too (wsgi.py)
            raise self._failure("Stopped; it may be run again.") from None


class _UserId(click.ParamType[int]):
    name = "user_id"

    def convert(self, value: object, param: object, ctx: object) -> int:
        user_id = canonical_id(value)
        if user_id is None:
            self.fail(f"{value!r} is no user id; write an integer from 1 to 9223372036854775807.")
        return user_id


USER_ID = _UserId()


class _Provider(click.ParamType[str]):
    name = "provider"

    def convert(self, value: object, param: object, ctx: object) -> str:
        try:
            return str(Provider().deserialize(value))
        except ValidationError:
            self.fail(f"{value!r} is no provider: {Provider.rule}")


PROVIDER = _Provider()
