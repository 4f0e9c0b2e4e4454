"""What the environment may say, and that anything else stops the start with a sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from service import create_app
from service.config import ConfigError
from service.database import db
from tests.support import factories

ROOT = Path(__file__).parents[2]
SQLITE = "sqlite:////tmp/never-opened.db"
SECRET_NAMES = {"JWT_SECRET_KEY", "JWT_PREVIOUS_SECRET_KEYS", "DATABASE_URL"}


def start(**changes: str) -> Flask:
    return create_app(factories.environment(SQLITE, **changes))


def refusal(environ: dict[str, str]) -> str:
    """The sentence that stops the start."""
    with pytest.raises(ConfigError) as caught:
        create_app(environ)
    return str(caught.value)


def driver(app: Flask) -> str:
    with app.app_context():
        return db.engine.url.drivername


def test_a_secret_is_all_that_is_required() -> None:
    app = create_app({"JWT_SECRET_KEY": factories.SECRET})
    with app.app_context():
        url = db.engine.url
    assert url.drivername.startswith("sqlite")
    assert "instance" in Path(str(url.database)).parts


def test_other_variables_do_not_matter() -> None:
    start(PATH="/bin", HOME="/root", SOMETHING_ELSE="\u00e9", FLASK_DEBUG="x")


GOOD = [
    ("JWT_SECRET_KEY", "x" * 32),
    ("JWT_SECRET_KEY", "\u00e9" * 16),
    ("JWT_SECRET_KEY", "x" * 4_096),
    ("JWT_SECRET_KEY", "=+/ ,\"'%" * 4),
    ("JWT_PREVIOUS_SECRET_KEYS", ""),
    ("JWT_PREVIOUS_SECRET_KEYS", "x" * 32),
    ("JWT_PREVIOUS_SECRET_KEYS", f"{'x' * 32},{'y' * 40}"),
    ("JWT_ROLE_CLAIM", "role"),
    ("JWT_ROLE_CLAIM", "https://platform.example/roles"),
    ("JWT_ROLE_CLAIM", ""),
    ("JWT_AUDIENCE", "social"),
    ("JWT_ISSUER", "https://platform.example/"),
    ("JWT_MAX_LIFETIME", "1"),
    ("JWT_MAX_LIFETIME", "604800"),
    ("JWT_LEEWAY", "0"),
    ("JWT_LEEWAY", "60"),
    ("PROVIDERS", ""),
    ("PROVIDERS", "facebook"),
    ("PROVIDERS", "facebook,google-plus,external,x_1"),
    ("MAX_ASSOCIATIONS_PER_USER", "1"),
    ("MAX_ASSOCIATIONS_PER_USER", "100000"),
    ("CORS_ORIGINS", ""),
    ("CORS_ORIGINS", "*"),
    ("CORS_ORIGINS", "https://app.example"),
    ("CORS_ORIGINS", "https://app.example,http://localhost:3000,http://127.0.0.1"),
    ("CORS_ORIGINS", "http://[::1]:3000"),
    ("CORS_ORIGINS", "capacitor://localhost"),
    ("LOG_LEVEL", "DEBUG"),
    ("LOG_LEVEL", "INFO"),
    ("LOG_LEVEL", "WARNING"),
    ("LOG_LEVEL", "ERROR"),
    ("LOG_LEVEL", "CRITICAL"),
]


@pytest.mark.parametrize(("name", "value"), GOOD)
def test_a_sensible_value_starts(name: str, value: str) -> None:
    assert start(**{name: value})


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql", "postgres"])
def test_every_spelling_of_postgresql_is_read_as_psycopg(scheme: str) -> None:
    app = start(DATABASE_URL=f"{scheme}://someone:secret@localhost:5432/social")
    assert driver(app) == "postgresql+psycopg"


def test_a_database_url_keeps_its_password() -> None:
    app = start(DATABASE_URL="postgres://someone:p%40ss%2Fword@localhost/social?sslmode=disable")
    with app.app_context():
        assert db.engine.url.password == "p@ss/word"


INTEGERS = [
    "-1",
    "abc",
    "1.5",
    "1e3",
    "1_000",
    "0x10",
    "\u0661\u0662",
    "NaN",
    "inf",
    "10 s",
    "10,20",
    "9" * 5_000,
]
BAD = [
    *[("JWT_MAX_LIFETIME", value) for value in [*INTEGERS, "0"]],
    *[("JWT_LEEWAY", value) for value in INTEGERS],
    *[("MAX_ASSOCIATIONS_PER_USER", value) for value in [*INTEGERS, "0"]],
    ("DATABASE_URL", "nonsense"),
    ("DATABASE_URL", "://"),
    ("DATABASE_URL", "social.db"),
    ("DATABASE_URL", "sqlite://"),
    ("DATABASE_URL", "sqlite:///:memory:"),
    ("DATABASE_URL", "sqlite:////no/such/folder/social.db"),
    ("DATABASE_URL", "mysql://someone:hunter2@localhost/social"),
    ("DATABASE_URL", "mysql+pymysql://someone:hunter2@localhost/social"),
    ("DATABASE_URL", "oracle://someone:hunter2@localhost/social"),
    ("DATABASE_URL", "postgresql+psycopg2://someone:hunter2@localhost/social"),
    ("DATABASE_URL", "postgresql+asyncpg://someone:hunter2@localhost/social"),
    ("DATABASE_URL", "postgresql://someone:hunter2@localhost:port/social"),
    ("DATABASE_URL", "https://someone:hunter2@localhost/social"),
    ("DATABASE_URL", "someone:hunter2@localhost/social"),
    ("JWT_SECRET_KEY", ""),
    ("JWT_SECRET_KEY", "hunter2"),
    ("JWT_SECRET_KEY", "hunter2".ljust(31, "x")),
    ("JWT_PREVIOUS_SECRET_KEYS", "hunter2"),
    ("JWT_PREVIOUS_SECRET_KEYS", f"{'x' * 32},hunter2"),
    ("JWT_PREVIOUS_SECRET_KEYS", f"hunter2,{'x' * 32}"),
    ("JWT_PREVIOUS_SECRET_KEYS", "hunter2".ljust(31, "x")),
    ("JWT_ROLE_CLAIM", "user_id"),
    ("JWT_ROLE_CLAIM", " "),
    ("PROVIDERS", "Facebook"),
    ("PROVIDERS", "face book"),
    ("PROVIDERS", "facebook,Google"),
    ("PROVIDERS", "facebook;google"),
    ("PROVIDERS", "-facebook"),
    ("PROVIDERS", "facebook_"),
    ("PROVIDERS", "\u00e9"),
    ("PROVIDERS", "x" * 65),
    ("CORS_ORIGINS", "app.example"),
    ("CORS_ORIGINS", "//app.example"),
    ("CORS_ORIGINS", "https://"),
    ("CORS_ORIGINS", "https://app.example/"),
    ("CORS_ORIGINS", "https://app.example/path"),
    ("CORS_ORIGINS", "https://app.example?x=1"),
    ("CORS_ORIGINS", "https://app.example#x"),
    ("CORS_ORIGINS", "https://someone@app.example"),
    ("CORS_ORIGINS", "https://app.example:port"),
    ("CORS_ORIGINS", "https://app.example:99999"),
    ("CORS_ORIGINS", "https://app .example"),
    ("CORS_ORIGINS", "javascript:alert(1)"),
    ("CORS_ORIGINS", "https://*.app.example"),
    ("CORS_ORIGINS", "https://app.example,nonsense"),
    ("CORS_ORIGINS", "*,https://app.example"),
    ("LOG_LEVEL", "LOUD"),
    ("LOG_LEVEL", "11"),
    ("LOG_LEVEL", "INFO,DEBUG"),
]


@pytest.mark.parametrize(("name", "value"), BAD, ids=lambda value: value[:40])
def test_a_senseless_value_stops_the_start_and_is_named(name: str, value: str) -> None:
    assert name in refusal(factories.environment(SQLITE) | {name: value})


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, value in BAD if name in SECRET_NAMES]
)
def test_the_sentence_shows_no_secret(name: str, value: str) -> None:
    sentence = refusal(factories.environment(SQLITE) | {name: value})
    assert "hunter2" not in sentence
    assert factories.SECRET not in sentence


def test_a_missing_secret_stops_the_start() -> None:
    assert "JWT_SECRET_KEY" in refusal({"DATABASE_URL": SQLITE})


@pytest.mark.parametrize(("name", "value"), [("JWT_SECRET_KEY", "hunter2"), ("LOG_LEVEL", "LOUD")])
def test_the_refusal_is_one_sentence(name: str, value: str) -> None:
    sentence = refusal(factories.environment(SQLITE) | {name: value})
    assert len(sentence.split()) > 3
    assert "\n" not in sentence.strip()


def test_a_refusal_ends_the_process_without_a_trace() -> None:
    environ = {"PATH": os.environ["PATH"], "LOG_LEVEL": "LOUD", "DATABASE_URL": SQLITE}
    ended = subprocess.run(
        [sys.executable, "-c", "from service import create_app; create_app()"],
        cwd=ROOT,
        env=environ | {"JWT_SECRET_KEY": factories.SECRET},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode != 0
    assert "LOG_LEVEL" in ended.stderr
    assert "Traceback" not in ended.stderr
