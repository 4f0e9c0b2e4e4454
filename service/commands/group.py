"""What the commands share: failures are sentences, and a user's id is one that can be."""

import click
from flask.cli import AppGroup

from service.database import Unavailable
from service.schemas.fields import canonical_id


class Group(AppGroup):
    """Commands whose failures are sentences, not traces."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except Unavailable as error:
            raise click.ClickException(f"The database can't do this for now: {error}.") from error


class _UserId(click.ParamType[int]):
    name = "user_id"

    def convert(self, value: object, param: object, ctx: object) -> int:
        user_id = canonical_id(value)
        if user_id is None:
            self.fail(f"{value!r} is no user id; write an integer from 1 to 9223372036854775807.")
        return user_id


USER_ID = _UserId()
