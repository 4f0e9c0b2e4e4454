"""`flask admins …`"""

import click

from service.commands.group import USER_ID, Group
from service.commands.output import write_line
from service.store import admins

group = Group("admins", help="Users who have the admin role by a grant kept here.")


@group.command("grant")
@click.argument("user_id", type=USER_ID)
def grant(user_id: int) -> None:
    """Give a user the admin role."""
    admins.grant(user_id)


@group.command("revoke")
@click.argument("user_id", type=USER_ID)
def revoke(user_id: int) -> None:
    """Take the admin role from a user; counts from the next request on."""
    if not admins.revoke(user_id):
        raise click.ClickException(f"User {user_id} has no grant.")


@group.command("list")
def list_() -> None:
    """Print the ids of the users with a grant, one a line."""
    for user_id in admins.all_granted():
        write_line(str(user_id))
