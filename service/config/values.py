"""How the text of a variable becomes a value.

Each function returns the value, or raises a ValueError that completes "Configuration: NAME …".
"""

import base64
import ipaddress
import re
import sys
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from jwt.algorithms import HMACAlgorithm
from jwt.exceptions import InvalidKeyError

from service.schemas import patterns
from service.schemas.fields import LONGEST_URL

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?")
_MINIMUM_SECRET_BYTES = 32  # RFC 7518, 3.2: a key of the hash's size or larger
# A role must not be read from a claim that says something else.
_OTHER_CLAIMS = frozenset({"user_id", "token_type", "exp", "iat", "nbf", "jti", "aud", "iss"})


def number(least: int, most: int = 999_999_999) -> Callable[[str], int]:
    # The largest still fits the database's and the clock's integers.
    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}.")
        return int(text)

    return read


def one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be {' or '.join(words)}.")
        return text

    return read


def optional(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """None for an empty text, and `read` for any other."""
    return lambda text: read(text) if text else None


def _list(text: str) -> list[str]:
    return [item for part in text.split(",") if (item := part.strip())]


def secret(text: str) -> bytes:
    encoded = text.encode("utf-8", "surrogateescape")
    if not encoded:
        raise ValueError(
            "is missing or empty. Set it to the secret that signs the platform's tokens, or make "
            "one: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"
        )
    if text != text.strip():
        raise ValueError("has a secret that begins or ends with white space.")
    if len(encoded) < _MINIMUM_SECRET_BYTES:
        raise ValueError(f"must hold at least {_MINIMUM_SECRET_BYTES} bytes a secret.")
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(encoded)
    except InvalidKeyError:
        raise ValueError("holds a public key or certificate, which is no secret.") from None
    return encoded


def secrets(text: str) -> tuple[bytes, ...]:
    return tuple(secret(part) for part in text.split(",") if part)


def role_claim(name: str) -> str:
    if name != name.strip() or name in _OTHER_CLAIMS:
        raise ValueError("must be the name of the claim that holds a role, or empty.")
    return name


def providers(text: str) -> frozenset[str]:
    names = _list(text)
    for name in names:
        if not re.fullmatch(patterns.PROVIDER, name):
            raise ValueError(
                f"holds {name!r}; a provider is 1 to 64 characters a-z, 0-9, ., - and _, "
                "with a letter or digit at either end."
            )
    return frozenset(names)


def cors_origins(text: str) -> frozenset[str]:
    origins = _list(text)
    if "*" in origins and len(origins) > 1:
        raise ValueError("holds * beside other origins; * already means any.")
    for origin in origins:
        found = _ORIGIN.fullmatch(origin)
        if origin != "*" and not (found and int(found["port"] or 0) < 65_536):
            raise ValueError(
                f"holds {origin!r}; an origin is scheme://host or scheme://host:port in lower "
                "case, without a path, or * alone."
            )
    return frozenset(origins)


def log_level(name: str) -> str:
    return one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")(name.upper())


def log_format(text: str) -> str:
    terminal = sys.stderr is not None and sys.stderr.isatty()  # None: it was closed
    return one_of("json", "text")(text or ("text" if terminal else "json"))


HOW_TO_GET_ONE = (
    "make one with python3 -c 'import base64, secrets; "
    'print("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())\' '
    "and give it to the receivers."
)


def webhook_urls(text: str) -> dict[str, str]:
    """The addresses, each under the name that logs and metrics call it by: a URL may be secret.

    That is host and port, with a number behind it from the second of the same host on.
    """
    found: dict[str, str] = {}
    for place, url in enumerate(_list(text), 1):
        if url in found.values():
            raise ValueError(f"holds address {place} twice.")
        if len(url) > LONGEST_URL or not re.fullmatch(patterns.URL, url):
            raise ValueError(
                f"holds address {place}, which is no absolute URL of at most {LONGEST_URL} ASCII "
                "characters, without user name."
            )
        parts = urlsplit(url)
        if parts.scheme != "https" and not _is_loopback(str(parts.hostname)):
            raise ValueError(
                f"holds address {place}, which is http://; only on this machine may it be "
                "(localhost, 127.0.0.1, [::1]), elsewhere it must be https://."
            )
        same = sum(name.partition("#")[0] == parts.netloc for name in found)
        found[f"{parts.netloc}#{same + 1}" if same else parts.netloc] = url
    return found


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def webhook_secrets(text: str) -> tuple[str, ...]:
    secrets = tuple(part for part in text.split(",") if part)
    for secret in secrets:
        encoded = re.fullmatch(r"whsec_([A-Za-z0-9+/]+={0,2})", secret)
        # As many bytes as the Standard Webhooks specification has them.
        if encoded is None or not 24 <= _bytes_in(encoded[1]) <= 64:
            raise ValueError(
                "must be whsec_ and 24 to 64 bytes in base64 a secret, without blanks; "
                f"{HOW_TO_GET_ONE}"
            )
    return secrets


def _bytes_in(encoded: str) -> int:
    try:
        return len(base64.b64decode(encoded + "=="))
    except ValueError:
        return 0
