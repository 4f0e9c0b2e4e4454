"""`flask tokens …`"""

import click
from flask import current_app
from flask.cli import AppGroup

from service.auth import tokens
from service.commands.group import USER_ID
from service.commands.output import write_line

group = AppGroup("tokens", help="Tokens, as the platform mints them.")


@group.command("mint")
@click.argument("user_id", type=USER_ID)
@click.option("--role", type=click.Choice([tokens.ADMIN]), help="Put a role into the token.")
@click.option("--lifetime", type=click.IntRange(min=1), help="In seconds.  [default: an hour]")
def mint(user_id: int, role: str | None, lifetime: int | None) -> None:
    """Print an access token of a user, and nothing else."""
    if current_app.config["JWT_SECRET_KEY"] is None:
        raise click.ClickException(
            "There is no JWT_SECRET_KEY to sign with; whoever has the private key mints tokens."
        )
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
    write_line(tokens.mint(user_id, role=role, lifetime=lifetime))
