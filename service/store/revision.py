"""The migration that the database is at."""

import sqlite3

import psycopg
import sqlalchemy as sa

from service.database import execute
from service.database.statements import Statement

_revision = Statement(sa.select(sa.column("version_num")).select_from(sa.table("alembic_version")))


def current() -> str | None:
    """The migration that the database is at; None when it knows of none."""
    try:
        rows = execute(_revision)
    except (psycopg.ProgrammingError, sqlite3.OperationalError):  # no such table
        return None
    return rows[0].version_num if rows else None
