"""Tokens below HTTP: those that can't be read at all, and whose they are."""

import json
import time
from collections.abc import Callable

import pytest

from service import config
from service.auth.tokens import BadToken, Token, Verifier
from tests.support.factories import environment
from tests.support.tokens import claims, forged, token, with_header


def verify(encoded: str, **environ: str) -> Token:
    settings = config.load(environment("sqlite:////unused.db", **environ))
    return Verifier(settings).verify(encoded)


def reason(encoded: str, **environ: str) -> str:
    """Why it isn't good."""
    with pytest.raises(BadToken) as error:
        verify(encoded, **environ)
    return str(error.value)


@pytest.mark.parametrize("role", ["admin", "user"])
def test_a_token_says_whose_it_is(role: str) -> None:
    found = verify(token(7, role=role))
    assert (found.user_id, found.has_admin_role) == (7, role == "admin")


def test_a_token_is_valid_from_its_iat_until_its_exp_with_leeway() -> None:
    moment = now()
    found = verify(token(iat=moment - 60, exp=moment + 5), JWT_LEEWAY="10")
    assert (found.valid_from, found.expires) == (moment - 70, moment + 15)


def test_a_token_is_valid_from_its_nbf_where_that_is_later() -> None:
    moment = now()
    found = verify(token(iat=moment - 60, nbf=moment - 50), JWT_LEEWAY="10")
    assert found.valid_from == moment - 60


def now(later: int = 0) -> int:
    return int(time.time()) + later


REASONS: dict[str, Callable[[], str]] = {
    "expired": lambda: token(iat=now(-3600), exp=now(-60)),
    "not_yet_valid": lambda: token(iat=now(60)),
    "signature": lambda: token(secret="another-secret-for-tests-of-32-bytes!"),
    "lifetime": lambda: token(exp=now(90_000)),
    "algorithm": lambda: with_header(alg="none"),
    "malformed": lambda: "a.b.c",
    "header:typ": lambda: with_header(typ="rt+jwt"),
    "header:crit": lambda: with_header(b64=True),
    "claim:user_id": lambda: token(user_id=True),
    "claim:token_type": lambda: token(token_type="refresh"),
    "claim:jti": lambda: token(jti=""),
    "claim:exp": lambda: token(exp=f"{now(60)}"),
    "claim:iat": lambda: token(iat=f"{now(-60)}"),
    "claim:nbf": lambda: token(nbf=f"{now(-60)}"),
}


@pytest.mark.parametrize(("why", "encoded"), REASONS.items(), ids=REASONS)
def test_why_a_token_is_bad_is_a_word(why: str, encoded: Callable[[], str]) -> None:
    assert reason(encoded()) == why


@pytest.mark.parametrize("name", ["user_id", "token_type", "exp", "iat", "jti"])
def test_a_missing_claim_is_named(name: str) -> None:
    assert reason(token(**{name: ...})) == f"claim:{name}"


@pytest.mark.parametrize("value", ["x", ..., ["x"], 7])
@pytest.mark.parametrize(("setting", "name"), [("JWT_AUDIENCE", "aud"), ("JWT_ISSUER", "iss")])
def test_an_audience_or_issuer_that_is_not_ours_is_named(
    setting: str, name: str, value: object
) -> None:
    assert reason(forged(payload=claims(**{name: value})), **{setting: "ours"}) == f"claim:{name}"


@pytest.mark.parametrize(
    "algorithm", ["HS512", "RS256", "ES256", "x" * 50, "claim:jti", 7, None, ["HS256"]]
)
def test_no_word_of_the_token_is_in_the_reason(algorithm: object) -> None:
    assert reason(with_header(alg=algorithm)) == "algorithm"


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
    assert reason(encoded) in ("malformed", "claim:iat")


@pytest.mark.parametrize(
    "changes", [{"b64": True}, {"b64": False}, {"crit": ["b64"], "b64": True}, {"crit": []}]
)
def test_a_header_with_critical_extensions_is_a_bad_token(changes: dict[str, object]) -> None:
    assert reason(with_header(**changes)) in ("malformed", "header:crit")
