"""`flask db backup`, beside Flask-Migrate's commands."""

from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from service.database import backup as backups
from service.database.connections import is_postgresql


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_appcontext
def backup(file: Path) -> None:
    """Copy the SQLite database into FILE, also while the service runs."""
    url = current_app.config["SQLALCHEMY_DATABASE_URI"]
    if is_postgresql(url):
        raise click.ClickException("This is for SQLite; PostgreSQL's own command is pg_dump.")
    try:
        backups.copy(Path(url.database), file)
    except backups.BackupError as error:
        raise click.ClickException(str(error)) from error
