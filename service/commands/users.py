"""`flask users …`"""

import click

from service import strict_json
from service.commands.group import USER_ID, Group
from service.commands.output import write_line
from service.database import apart
from service.schemas.detailed import DetailedSchema
from service.schemas.events import representation
from service.schemas.moments import timestamp
from service.store import users
from service.store.recording import Origin

group = Group("users", help="A user as a whole.")


@group.command("export")
@click.argument("user_id", type=USER_ID)
def export(user_id: int) -> None:
    """Print all that is stored about a user, as one JSON document."""
    stored = users.stored(user_id)
    document = {
        "user_id": user_id,
        "associations": DetailedSchema(many=True).dump(stored.associations),
        "events": [representation(event) for event in stored.events],
        "admin_since": stored.admin_since and timestamp(stored.admin_since),
    }
    write_line(strict_json.to_bytes(document))


@group.command("erase")
@click.argument("user_id", type=USER_ID)
def erase(user_id: int) -> None:
    """Delete all that is stored about a user, but for the event that says so."""
    # Of a user with very many links it takes longer than a request may.
    with apart.connection() as on:
        deleted = users.erase(user_id, by=Origin(), run=on.execute, patience=apart.PATIENCE)
    write_line(strict_json.dumps({"deleted": deleted}))
