"""The command line: `flask tokens …` and `flask admins …`."""

import sqlite3

import click
import psycopg
from flask import Flask, current_app
from flask.cli import AppGroup

from service import store, tokens
from service.database import Unavailable
from service.fields import canonical_id


class _Group(AppGroup):
    """Commands whose failures are sentences, not traces."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except Unavailable as error:
            raise click.ClickException(f"The database can't do this for now: {error}.") from error
        except (psycopg.ProgrammingError, sqlite3.OperationalError) as error:
            raise click.ClickException(
                "The database lacks the tables; make them with: flask db upgrade"
            ) from error


tokens_group = AppGroup("tokens", help="Tokens, as the platform mints them.")
admins_group = _Group("admins", help="Users who have the admin role by a grant kept here.")


class _UserId(click.ParamType[int]):
    name = "user_id"

    def convert(self, value: object, param: object, ctx: object) -> int:
        user_id = canonical_id(value)
        if user_id is None:
            self.fail(f"{value!r} is no user id; write an integer from 1 to 9223372036854775807.")
        return user_id


USER_ID = _UserId()


@tokens_group.command("mint")
@click.argument("user_id", type=USER_ID)
@click.option("--role", type=click.Choice([tokens.ADMIN]), help="Put a role into the token.")
@click.option("--lifetime", type=click.IntRange(min=1), help="In seconds.  [default: an hour]")
def mint(user_id: int, role: str | None, lifetime: int | None) -> None:
    """Print an access token of a user, and nothing else."""
    longest = current_app.config["JWT_MAX_LIFETIME"]
    lifetime = lifetime or min(3600, longest)
    if lifetime > longest:
        raise click.BadParameter(
            f"{lifetime} is over the longest that is accepted, {longest} (JWT_MAX_LIFETIME).",
            param_hint="--lifetime",
        )
    if role and not current_app.config["JWT_ROLE_CLAIM"]:
        raise click.BadParameter(
            "no claim says a role here (JWT_ROLE_CLAIM is empty).", param_hint="--role"
        )
    click.echo(tokens.current().mint(user_id, role=role, lifetime=lifetime))


@admins_group.command("grant")
@click.argument("user_id", type=USER_ID)
def grant(user_id: int) -> None:
    """Give a user the admin role."""
    store.grant_admin(user_id)


@admins_group.command("revoke")
@click.argument("user_id", type=USER_ID)
def revoke(user_id: int) -> None:
    """Take the admin role from a user; counts from the next request on."""
    if not store.revoke_admin(user_id):
        raise click.ClickException(f"User {user_id} has no grant.")


@admins_group.command("list")
def list_() -> None:
    """Print the ids of the users with a grant, one a line."""
    for user_id in store.granted_admins():
        click.echo(user_id)


def init_app(app: Flask) -> None:
    app.cli.add_command(tokens_group)
    app.cli.add_command(admins_group)
