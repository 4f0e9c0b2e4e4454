"""The social-association service: `create_app`, and a map of its rooms.

In front, what it is about:

    views/       the operations: ask the policy, call the store, return the row
    commands/    the same for the command line
    policy       who may do what
    schemas/     what bodies and queries must look like; the rule for `external`
    store/       every query and every write
    webhooks/    every event to every address
    models/      the tables
    config/      from the environment to settings
    strict_json  the one JSON reader and writer

Behind doors, what makes it exact and fast:

    web/         HTTP: the application, the blueprint, bodies and queries, refusals, the document
    auth/        what a good token is; from the bearer token to the actor
    database/    statements, the connections they run on, what happens when there are none
    telemetry/   logs and metrics

docs/request.md follows one request through them.
"""

import os
from collections.abc import Mapping
from typing import Any

from flask import Flask
from flask_migrate import Migrate
from flask_migrate.cli import db as db_commands

from service import config, database
from service.auth import access
from service.commands import admins as admin_commands
from service.commands import associations as association_commands
from service.commands import database as database_commands
from service.commands import events as event_commands
from service.commands import tokens as token_commands
from service.commands import users as user_commands
from service.database import replica
from service.telemetry import logs
from service.views import associations, directory, docs, events, probes, transfers, users
from service.web import edge, errors, openapi
from service.web.app import App

__version__ = "1.0.0"


def create_app(environ: Mapping[str, str] = os.environ) -> Flask:
    """Make the WSGI application from an environment.

    Raises:
        ConfigError: a setting is missing or senseless; it exits with a sentence.
        SystemExit: the package was installed without the tree that it belongs to.
    """
    settings = config.load(environ)
    logs.init_app(settings.log_level, settings.log_format)
    app = App(__name__)
    app.config.update(
        API_TITLE="Social associations",
        API_VERSION=__version__,
        MIGRATIONS=config.MIGRATIONS,
        PROVIDERS=settings.providers,
        PROVIDERS_BY_ADMIN=settings.providers_by_admin,
        MAX_ASSOCIATIONS_PER_USER=settings.max_associations_per_user,
        WEBHOOK_URLS=settings.webhook_urls,
        WEBHOOK_SECRETS=settings.webhook_secret,
        EVENTS_RETENTION_DAYS=settings.events_retention_days,
        JWT_MAX_LIFETIME=settings.jwt_max_lifetime,
        JWT_ROLE_CLAIM=settings.jwt_role_claim,
    )
    edge.init_app(app, settings.cors_origins)
    errors.init_app(app)
    pool: dict[str, Any] = {"pool_size": settings.threads, "pooler": settings.database_pooler}
    database.init_app(app, settings.database_url, **pool)
    replica.init_app(app, settings.database_read_url, **pool)
    Migrate(app, database.db, directory=config.MIGRATIONS)
    access.init_app(app, settings)
    db_commands.add_command(database_commands.backup)
    app.cli.add_command(token_commands.group)
    app.cli.add_command(admin_commands.group)
    app.cli.add_command(user_commands.group)
    app.cli.add_command(association_commands.group)
    app.cli.add_command(event_commands.group)
    app.register_blueprint(probes.blp)
    app.register_blueprint(docs.blp)
    openapi.init_app(
        app,
        associations.blp,
        directory.blp,
        transfers.blp,
        events.blp,
        users.blp,
    )
    return app
