"""What the environment may say, and that anything else stops the start with a sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from service import create_app
from service.config import SETTINGS, load
from service.database import db
from tests.support import factories
from tests.support.receiver import SECRET as WEBHOOK_SECRET
from tests.support.starting import SQLITE, refusal, start

ROOT = Path(__file__).parents[2]
POSTGRESQL = "postgresql://localhost/social"
SECRET_NAMES = {
    "WEBHOOK_SECRET",
    "JWT_SECRET_KEY",
    "JWT_PREVIOUS_SECRET_KEYS",
    "DATABASE_URL",
    "DATABASE_READ_URL",
}


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
    ("EVENTS_RETENTION_DAYS", "1"),
    ("EVENTS_RETENTION_DAYS", "100000"),
    ("WEBHOOK_SECRET", ""),
    ("WEBHOOK_SECRET", WEBHOOK_SECRET),
    ("WEBHOOK_SECRET", f"{WEBHOOK_SECRET},whsec_{'A' * 64}"),
    ("WEBHOOK_SECRET", f"whsec_{'A' * 85}A=="),
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
    ("PROVIDERS", "facebook,google-plus,external,x_1,saml.x"),
    ("PROVIDERS_BY_ADMIN", "keycloak, saml.x"),
    ("MAX_ASSOCIATIONS_PER_USER", "1"),
    ("MAX_ASSOCIATIONS_PER_USER", "100000"),
    ("CORS_ORIGINS", ""),
    ("CORS_ORIGINS", "*"),
    ("CORS_ORIGINS", "https://app.example"),
    ("CORS_ORIGINS", "https://app.example,http://localhost:3000,http://127.0.0.1"),
    ("CORS_ORIGINS", "http://[::1]:3000"),
    ("CORS_ORIGINS", "capacitor://localhost"),
    ("DATABASE_POOLER", ""),
    ("DATABASE_POOLER", "transaction"),
    ("LOG_FORMAT", ""),
    ("LOG_FORMAT", "json"),
    ("LOG_FORMAT", "text"),
    ("HOST", "::1"),
    ("PORT", "65535"),
    ("WEB_CONCURRENCY", ""),
    ("WEB_CONCURRENCY", "1"),
    ("THREADS", "1"),
    ("LOG_LEVEL", "DEBUG"),
    ("LOG_LEVEL", "debug"),
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
LONG = "hunter2" * 5
WHITE = [f" {LONG}", f"{LONG} ", f"{LONG}\n", f"{LONG}\r\n", f"\t{LONG}", f"{LONG}\u00a0"]
BAD = [
    ("EVENTS_RETENTION_DAYS", "0"),
    ("EVENTS_RETENTION_DAYS", "-1"),
    ("EVENTS_RETENTION_DAYS", "1.5"),
    ("EVENTS_RETENTION_DAYS", "100001"),
    ("WEBHOOK_SECRET", "hunter2" * 10),
    ("WEBHOOK_SECRET", "whsec_"),
    ("WEBHOOK_SECRET", f"whsec_{'A' * 31}"),
    ("WEBHOOK_SECRET", f"whsec_{'A' * 87}"),
    ("WEBHOOK_SECRET", f"whsec_{'A' * 33}"),
    ("WEBHOOK_SECRET", f"{WEBHOOK_SECRET} "),
    ("WEBHOOK_SECRET", f"{WEBHOOK_SECRET}, {WEBHOOK_SECRET}"),
    ("WEBHOOK_SECRET", f"{WEBHOOK_SECRET},whsec_x"),
    ("WEBHOOK_SECRET", f"WHSEC_{'A' * 32}"),
    *[("JWT_MAX_LIFETIME", value) for value in [*INTEGERS, "0"]],
    *[("JWT_LEEWAY", value) for value in INTEGERS],
    *[("MAX_ASSOCIATIONS_PER_USER", value) for value in [*INTEGERS, "0"]],
    *[("WEB_CONCURRENCY", value) for value in [*INTEGERS, "0"]],
    *[("THREADS", value) for value in [*INTEGERS, "0"]],
    *[("PORT", value) for value in [*INTEGERS, "0", "65536"]],
    ("DATABASE_READ_URL", "sqlite:////tmp/other.db"),
    ("DATABASE_READ_URL", "https://someone:hunter2@replica/social"),
    ("DATABASE_POOLER", "session"),
    ("DATABASE_POOLER", "Transaction"),
    ("LOG_FORMAT", "xml"),
    ("LOG_FORMAT", "JSON"),
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
    ("DATABASE_URL", "postgresql://someone:hunter2@localhost/social\n"),
    ("DATABASE_URL", " postgresql://someone:hunter2@localhost/social"),
    ("DATABASE_URL", "postgresql://someone:hunter2@localhost:65536/social"),
    ("DATABASE_URL", "postgresql://someone:hunter2@localhost/social?port=x"),
    ("DATABASE_URL", "postgresql://someone:hunter2@one:1,two:port/social"),
    ("DATABASE_URL", "postgresql://someone:hunter2@one:1,two:70000/social"),
    ("DATABASE_URL", "postgresql://someone:hunter2@one,%zz/social"),
    ("DATABASE_URL", "postgresql://someone:hunter2@/social?host=one:1&host=two&port=3"),
    ("JWT_SECRET_KEY", ""),
    ("JWT_SECRET_KEY", "hunter2"),
    ("JWT_SECRET_KEY", "hunter2".ljust(31, "x")),
    *[("JWT_SECRET_KEY", value) for value in WHITE],
    *[("JWT_PREVIOUS_SECRET_KEYS", value) for value in WHITE],
    ("JWT_PREVIOUS_SECRET_KEYS", f"{'x' * 32}, {'hunter2' * 5}"),
    ("JWT_PREVIOUS_SECRET_KEYS", f"{'hunter2' * 5},{'x' * 32}\n"),
    ("JWT_PREVIOUS_SECRET_KEYS", " "),
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
    ("PROVIDERS_BY_ADMIN", "keycloak,Google"),
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


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_senseless_value_stops_the_start_and_is_named(name: str, value: str) -> None:
    assert name in refusal(factories.environment(SQLITE) | {name: value})


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, value in BAD if name in SECRET_NAMES]
)
def test_the_sentence_shows_no_secret(name: str, value: str) -> None:
    sentence = refusal(factories.environment(SQLITE) | {name: value})
    assert "hunter2" not in sentence
    assert factories.SECRET not in sentence


@pytest.mark.parametrize("urls", [(SQLITE, POSTGRESQL), (POSTGRESQL, SQLITE)], ids=str)
def test_a_replica_is_of_postgresql(urls: tuple[str, str]) -> None:
    environ = factories.environment(urls[0]) | {"DATABASE_READ_URL": urls[1]}
    assert "SQLite has no replicas" in refusal(environ)


NAMES = sorted(name for name, setting in SETTINGS.items() if setting.file)
VALUES = {
    "DATABASE_URL": "sqlite:////tmp/in-a-file.db",
    "DATABASE_READ_URL": "postgresql://someone:secret@replica/social",
    "JWT_SECRET_KEY": "a-secret-in-a-file-of-at-least-32-bytes",
    "JWT_PREVIOUS_SECRET_KEYS": f"{'x' * 32},{'y' * 32}",
    "WEBHOOK_SECRET": WEBHOOK_SECRET,
}


def with_file(name: str, path: Path, **changes: str) -> dict[str, str]:
    """An environment in which a file stands for the variable."""
    environ = factories.environment(POSTGRESQL) | changes
    environ.pop(name, None)
    return environ | {f"{name}_FILE": str(path)} | changes


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_may_hold_the_value(name: str, end: str, tmp_path: Path) -> None:
    (tmp_path / "value").write_bytes(f"{VALUES[name]}{end}".encode())
    given = load(factories.environment(POSTGRESQL) | {name: VALUES[name]})
    assert load(with_file(name, tmp_path / "value")) == given


@pytest.mark.parametrize("name", NAMES)
def test_only_one_line_break_at_the_end_of_a_file_is_ignored(name: str, tmp_path: Path) -> None:
    (tmp_path / "value").write_text(f"{VALUES[name]}\n\n")
    assert f"{name}_FILE" in refusal(with_file(name, tmp_path / "value"))


@pytest.mark.parametrize("name", NAMES)
def test_a_variable_and_its_file_at_once_stop_the_start(name: str, tmp_path: Path) -> None:
    (tmp_path / "value").write_text(VALUES[name])
    sentence = refusal(with_file(name, tmp_path / "value", **{name: VALUES[name]}))
    assert f"{name}_FILE is set, and so is {name}" in sentence


@pytest.mark.parametrize("name", NAMES)
def test_an_unreadable_file_stops_the_start(name: str, tmp_path: Path) -> None:
    sentence = refusal(with_file(name, tmp_path / "missing"))
    assert f"{name}_FILE names a file that can't be read: No such file" in sentence


@pytest.mark.parametrize("name", ["DATABASE_URL", "JWT_SECRET_KEY"])
def test_an_empty_file_is_not_an_unset_variable(name: str, tmp_path: Path) -> None:
    (tmp_path / "value").touch()
    assert f"{name}_FILE" in refusal(with_file(name, tmp_path / "value"))


def test_a_secret_in_a_file_may_have_any_bytes(tmp_path: Path) -> None:
    (tmp_path / "value").write_bytes(b"\xff" * 32)
    assert load(with_file("JWT_SECRET_KEY", tmp_path / "value")).jwt_secret_key == b"\xff" * 32


WITH_KEYS = {
    "DATABASE_URL": SQLITE,
    "JWT_PUBLIC_KEYS_FILE": "/nowhere/keys.json",
    "JWT_AUDIENCE": "social",
    "JWT_ISSUER": "platform",
}


def test_with_public_keys_the_secret_may_be_left_out() -> None:
    assert load(WITH_KEYS).jwt_secret_key is None


def test_with_public_keys_a_bad_secret_stops_the_start_all_the_same() -> None:
    assert "JWT_SECRET_KEY" in refusal(WITH_KEYS | {"JWT_SECRET_KEY": "short"})


@pytest.mark.parametrize("name", ["JWT_AUDIENCE", "JWT_ISSUER"])
def test_with_public_keys_audience_and_issuer_are_required(name: str) -> None:
    assert f"Configuration: {name} is missing" in refusal(WITH_KEYS | {name: ""})


def test_public_keys_that_cannot_be_read_stop_the_start() -> None:
    assert "Configuration: JWT_PUBLIC_KEYS_FILE can't be read" in refusal(WITH_KEYS)


def test_the_log_is_json_where_nobody_looks_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    assert load(factories.environment(SQLITE)).log_format == "json"


def test_the_log_is_text_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert load(factories.environment(SQLITE)).log_format == "text"


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
