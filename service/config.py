"""From the environment to settings; what is missing or senseless stops the start."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from jwt.algorithms import HMACAlgorithm
from jwt.exceptions import InvalidKeyError

from service.schemas import patterns

ROOT = Path(__file__).resolve().parent.parent
INSTANCE = ROOT / "instance"

_ORIGIN = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
)
_LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_MINIMUM_SECRET_BYTES = 32  # RFC 7518, 3.2: a key of the hash's size or larger
# A role must not be read from a claim that says something else.
_OTHER_CLAIMS = frozenset({"user_id", "token_type", "exp", "iat", "nbf", "jti", "aud", "iss"})


class ConfigError(SystemExit):
    """A setting is missing or senseless. Its text names the variable and says why.

    An exit rather than an `Exception`: whatever loads the application (gunicorn's master,
    `flask`, a Python shell) then prints the sentence, without a trace, and stops.
    """

    def __init__(self, variable: str, why: str) -> None:
        super().__init__(f"Configuration: {variable} {why}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator decided. Durations are in seconds."""

    database_url: sa.URL
    jwt_secret_key: bytes
    jwt_previous_secret_keys: tuple[bytes, ...]
    jwt_role_claim: str
    jwt_audience: str | None
    jwt_issuer: str | None
    jwt_max_lifetime: int
    jwt_leeway: int
    providers: frozenset[str]
    max_associations_per_user: int
    cors_origins: frozenset[str]
    log_level: str
    threads: int
    """Threads of a worker process, each with its database connection."""


def load(environ: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        ConfigError: a variable is missing or senseless.
    """
    return Settings(
        database_url=_database_url(environ.get("DATABASE_URL", "")),
        jwt_secret_key=_secret("JWT_SECRET_KEY", environ.get("JWT_SECRET_KEY", "")),
        jwt_previous_secret_keys=tuple(
            _secret("JWT_PREVIOUS_SECRET_KEYS", key)
            for key in _list(environ, "JWT_PREVIOUS_SECRET_KEYS")
        ),
        jwt_role_claim=_role_claim(environ.get("JWT_ROLE_CLAIM", "role")),
        jwt_audience=environ.get("JWT_AUDIENCE") or None,
        jwt_issuer=environ.get("JWT_ISSUER") or None,
        jwt_max_lifetime=_integer(environ, "JWT_MAX_LIFETIME", default=86_400, least=1),
        jwt_leeway=_integer(environ, "JWT_LEEWAY", default=10, least=0),
        providers=_providers(_list(environ, "PROVIDERS")),
        max_associations_per_user=_integer(
            environ, "MAX_ASSOCIATIONS_PER_USER", default=100, least=1
        ),
        cors_origins=_cors_origins(_list(environ, "CORS_ORIGINS")),
        log_level=_log_level(environ.get("LOG_LEVEL") or "INFO"),
        threads=_integer(environ, "THREADS", default=16, least=1),
    )


def _list(environ: Mapping[str, str], name: str) -> list[str]:
    return [item for part in environ.get(name, "").split(",") if (item := part.strip())]


def _integer(environ: Mapping[str, str], name: str, *, default: int, least: int) -> int:
    text = environ.get(name) or str(default)
    # At most nine digits: more would not fit the database's or the clock's integers.
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
        raise ConfigError(name, f"must be a whole number from {least} to 999999999.")
    return int(text)


def _database_url(text: str) -> sa.URL:
    # No message here repeats the text: it may hold a password.
    if not text:
        INSTANCE.mkdir(exist_ok=True)
        return sa.URL.create("sqlite", database=str(INSTANCE / "social.db"))
    try:
        url = sa.make_url(re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", text))
    except (sa.exc.ArgumentError, ValueError):
        raise ConfigError(
            "DATABASE_URL",
            "is no URL; write postgresql://user:password@host/name or sqlite:///path.",
        ) from None
    if url.drivername == "postgresql+psycopg":
        return url
    if url.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise ConfigError("DATABASE_URL", "must begin with postgresql:// or sqlite:///.")
    if url.database in (None, "", ":memory:") or url.query:
        raise ConfigError(
            "DATABASE_URL", "must name a file, as in sqlite:////var/lib/social/social.db."
        )
    # A relative path is meant from the instance folder, whatever the working directory is.
    path = INSTANCE / str(url.database)
    if not path.parent.is_dir():
        raise ConfigError("DATABASE_URL", "names a file in a folder that does not exist.")
    return url.set(database=str(path))


def _secret(name: str, text: str) -> bytes:
    secret = text.encode("utf-8", "surrogateescape")
    if not secret:
        raise ConfigError(
            name,
            "is missing. Set it to the secret that signs the platform's tokens, or make one: "
            "python3 -c 'import secrets; print(secrets.token_urlsafe(48))'",
        )
    if len(secret) < _MINIMUM_SECRET_BYTES:
        raise ConfigError(name, f"must hold at least {_MINIMUM_SECRET_BYTES} bytes a secret.")
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(secret)
    except InvalidKeyError:
        raise ConfigError(name, "holds a public key or certificate, which is no secret.") from None
    return secret


def _role_claim(name: str) -> str:
    if name != name.strip() or name in _OTHER_CLAIMS:
        raise ConfigError(
            "JWT_ROLE_CLAIM", "must be the name of the claim that holds a role, or empty."
        )
    return name


def _providers(names: list[str]) -> frozenset[str]:
    for name in names:
        if not re.fullmatch(patterns.PROVIDER, name):
            raise ConfigError(
                "PROVIDERS",
                f"holds {name!r}; a provider is 1 to 64 characters a-z, 0-9, - and _, "
                "with a letter or digit at either end.",
            )
    return frozenset(names)


def _cors_origins(origins: list[str]) -> frozenset[str]:
    if "*" in origins and len(origins) > 1:
        raise ConfigError("CORS_ORIGINS", "holds * beside other origins; * already means any.")
    for origin in origins:
        found = _ORIGIN.fullmatch(origin)
        if origin != "*" and (found is None or int(found["port"] or 0) > 65_535):
            raise ConfigError(
                "CORS_ORIGINS",
                f"holds {origin!r}; an origin is scheme://host or scheme://host:port in "
                "lower case, without a path, or * alone.",
            )
    return frozenset(origins)


def _log_level(name: str) -> str:
    if name.upper() not in _LOG_LEVELS:
        raise ConfigError("LOG_LEVEL", f"must be one of {', '.join(_LOG_LEVELS)}.")
    return name.upper()
