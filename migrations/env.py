"""Run the migrations on the application's database, over a connection of their own.

The service's engine is no use here: it commits each statement by itself and gives up on
those that take long. Several processes may be started at once: one works, the others wait.
"""

from alembic import context
from flask import current_app

from service import models
from service.database import db, explained, migration


def render_item(kind: str, item: object, _: object) -> str | bool:
    """Migrations don't depend on the models, which go on changing."""
    if kind == "type" and isinstance(item, models.UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


url = current_app.config["SQLALCHEMY_DATABASE_URI"]
is_sqlite = url.get_backend_name() == "sqlite"

with explained(), migration.alone(url) as connection:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        compare_type=True,
        render_item=render_item,
        # SQLite can't alter a table: Alembic copies it instead.
        render_as_batch=is_sqlite,
        # On SQLite one for all, whose lock keeps other processes out.
        transaction_per_migration=not is_sqlite,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
