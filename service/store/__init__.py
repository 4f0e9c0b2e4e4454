"""Every query and every write: who has which association, and who is an admin by a grant.

There is no session here. An operation on an association is one SQLAlchemy Core statement in
autocommit, on the tables that Flask-SQLAlchemy's models declare: one round trip, and a constraint
decides, so there is nothing that a unit of work could collect, flush or roll back
(docs/decisions/0001). What needs several statements (an event on SQLite, the numbering of events,
an erasure) names them in a `Transaction`.
Flask-SQLAlchemy gives the models their base, makes the engine and its pool from the
configuration, and hands both to Flask-Migrate.
"""
