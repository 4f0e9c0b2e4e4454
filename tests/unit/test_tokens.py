"""Tokens below HTTP: those that can't be read at all, and whose they are."""

import json

import pytest

from service import config
from service.auth.tokens import BadToken, Token, Verifier
from tests.support.factories import environment
from tests.support.tokens import claims, forged, token, with_header

LEEWAY = 10


def verify(encoded: str, **environ: str) -> Token:
    settings = config.load(environment("sqlite:////unused.db", **environ))
    return Verifier(settings).verify(encoded)


@pytest.mark.parametrize("role", ["admin", "user"])
def test_a_token_says_whose_it_is_and_until_when(role: str) -> None:
    expires = claims()["exp"] + 5
    encoded = token(7, role=role, exp=expires)
    assert verify(encoded, JWT_LEEWAY=str(LEEWAY)) == Token(7, role == "admin", expires + LEEWAY)


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps(claims() | {"note": "@"}).replace('"@"', "[" * 3000 + "]" * 3000),
        json.dumps(claims() | {"exp": "@"}).replace('"@"', "9" * 5000),
        json.dumps(claims() | {"exp": "@", "iat": 1.5}).replace('"@"', "9" * 400),
        json.dumps(claims() | {"exp": "@"}).replace('"@"', "1e999"),
        json.dumps(claims() | {"exp": "@"}).replace('"@"', "NaN"),
        json.dumps(claims() | {"iat": "@"}).replace('"@"', "-1e999"),
        json.dumps(claims() | {"nbf": "@"}).replace('"@"', "1e999"),
        "[]",
        "7",
        "\ud800",
    ],
    ids=[
        "deep",
        "long exp",
        "large exp",
        "infinite exp",
        "no exp",
        "infinite iat",
        "infinite nbf",
        "list",
        "number",
        "surrogate",
    ],
)
def test_claims_that_nobody_would_write_are_a_bad_token(payload: str) -> None:
    encoded = forged(payload=payload.encode(errors="surrogatepass"))
    with pytest.raises(BadToken):
        verify(encoded)


@pytest.mark.parametrize(
    "changes", [{"b64": True}, {"b64": False}, {"crit": ["b64"], "b64": True}, {"crit": []}]
)
def test_a_header_with_critical_extensions_is_a_bad_token(changes: dict[str, object]) -> None:
    with pytest.raises(BadToken):
        verify(with_header(**changes))
