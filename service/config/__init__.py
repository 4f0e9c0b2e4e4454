"""From the environment to settings; what is missing or senseless stops the start."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

import sqlalchemy as sa

from service.config import values
from service.database import url

ROOT = Path(__file__).resolve().parents[2]
INSTANCE = ROOT / "instance"
MIGRATIONS = str(ROOT / "migrations")


class ConfigError(SystemExit):
    """A setting is missing or senseless; the text names the variable and says why.

    An exit: gunicorn's master, `flask` or a shell prints the text, without a trace, and stops.
    """

    def __init__(self, variable: str, why: str) -> None:
        super().__init__(f"Configuration: {variable} {why}")


class Setting(NamedTuple):
    """How a variable's text becomes the setting's value."""

    read: Callable[[str], Any]
    default: str = ""
    """The text when the variable is unset or empty."""
    empty_counts: bool = False
    """An empty variable is not an unset one."""
    file: bool = False
    """NAME_FILE may name a file that holds the text."""
    unless: str = ""
    """None when it is unset, and this variable is set."""


_database_url = partial(url.read, folder=INSTANCE)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator decided. Durations are in seconds.

    The variable is the field's name in capitals; README.md says what each is for.
    """

    database_url: Annotated[sa.URL, Setting(_database_url, "sqlite:///social.db", file=True)]
    database_read_url: Annotated[sa.URL | None, Setting(values.optional(_database_url), file=True)]
    database_pooler: Annotated[str | None, Setting(values.optional(values.one_of("transaction")))]
    jwt_secret_key: Annotated[
        bytes | None, Setting(values.secret, file=True, unless="JWT_PUBLIC_KEYS_FILE")
    ]
    jwt_previous_secret_keys: Annotated[tuple[bytes, ...], Setting(values.secrets, file=True)]
    jwt_public_keys_file: Annotated[Path | None, Setting(values.optional(Path))]
    jwt_role_claim: Annotated[str, Setting(values.role_claim, "role", empty_counts=True)]
    jwt_audience: Annotated[str | None, Setting(values.optional(str))]
    jwt_issuer: Annotated[str | None, Setting(values.optional(str))]
    jwt_max_lifetime: Annotated[int, Setting(values.number(1), "86400")]
    jwt_leeway: Annotated[int, Setting(values.number(0), "10")]
    providers: Annotated[frozenset[str], Setting(values.providers)]
    providers_by_admin: Annotated[frozenset[str], Setting(values.providers)]
    max_associations_per_user: Annotated[int, Setting(values.number(1), "100")]
    webhook_urls: Annotated[Mapping[str, str], Setting(values.webhook_urls)]
    webhook_secret: Annotated[tuple[str, ...], Setting(values.webhook_secrets, file=True)]
    events_retention_days: Annotated[int, Setting(values.number(1, 100_000), "400")]
    cors_origins: Annotated[frozenset[str], Setting(values.cors_origins)]
    log_level: Annotated[str, Setting(values.log_level, "INFO")]
    log_format: Annotated[str, Setting(values.log_format)]
    # For gunicorn.conf.py.
    host: Annotated[str, Setting(str, "127.0.0.1")]
    port: Annotated[int, Setting(values.number(1, 65_535), "8000")]
    bind: Annotated[str | None, Setting(values.optional(str))]
    web_concurrency: Annotated[int | None, Setting(values.optional(values.number(1)))]
    threads: Annotated[int, Setting(values.number(1), "16")]
    drain_seconds: Annotated[int, Setting(values.number(0, 3600), "0")]


SETTINGS: dict[str, Setting] = {
    name.upper(): hint.__metadata__[0]
    for name, hint in get_type_hints(Settings, include_extras=True).items()
}
"""Every variable."""


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        ConfigError: a variable is missing or senseless.
        SystemExit: the package was installed without the tree that it belongs to.
    """
    if not Path(MIGRATIONS).is_dir():
        raise SystemExit(
            f"There is no {MIGRATIONS}: the service runs from its whole tree. "
            "Install it there with pip install --editable, as make run does."
        )
    settings = Settings(*[_value(environ, name, setting) for name, setting in SETTINGS.items()])
    if settings.jwt_public_keys_file is not None:
        for name in ("JWT_AUDIENCE", "JWT_ISSUER"):
            if getattr(settings, name.lower()) is None:
                raise ConfigError(
                    name,
                    "is missing; it is required with JWT_PUBLIC_KEYS_FILE, whose keys sign tokens "
                    "for other services too.",
                )
    urls = settings.database_url, settings.database_read_url
    if urls[1] and not all(found.get_backend_name() == "postgresql" for found in urls if found):
        raise ConfigError(
            "DATABASE_READ_URL", "needs PostgreSQL, in DATABASE_URL too: SQLite has no replicas."
        )
    if settings.webhook_urls and not settings.webhook_secret:
        raise ConfigError("WEBHOOK_SECRET", f"is missing: {values.HOW_TO_GET_ONE}")
    return settings


def _value(environ: Mapping[str, str], name: str, setting: Setting) -> Any:
    text = environ.get(name)
    if setting.file and (path := environ.get(f"{name}_FILE")):
        if text:
            raise ConfigError(f"{name}_FILE", f"is set, and so is {name}; only one of them may be.")
        name, text = f"{name}_FILE", _content(f"{name}_FILE", path)
    elif not text and environ.get(setting.unless):
        return None
    elif text is None or not (text or setting.empty_counts):
        text = setting.default
    try:
        return setting.read(text)
    except ValueError as why:
        raise ConfigError(name, str(why)) from None


def _content(variable: str, path: str) -> str:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(variable, f"names a file that can't be read: {error.strerror}.") from None
    # Editors leave a line break at the end.
    return re.sub(r"\r?\n\Z", "", content.decode("utf-8", "surrogateescape"))
