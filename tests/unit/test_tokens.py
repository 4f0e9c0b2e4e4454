"""Tokens below HTTP: which are remembered, and which can't be read at all."""

import json
import time
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from jwt.exceptions import InvalidTokenError
from prometheus_client import REGISTRY

from service.auth import tokens
from tests.support.databases import application
from tests.support.tokens import claims, forged, token, with_header

LEEWAY = 10


@pytest.fixture(autouse=True)
def context(tmp_path: object) -> Iterator[Flask]:
    with application(f"sqlite:///{tmp_path}/unused.db", JWT_LEEWAY=str(LEEWAY)) as app:
        yield app


def misses(act: Callable[[], object]) -> float:
    """How many tokens were really verified."""

    def count() -> float:
        return REGISTRY.get_sample_value("social_token_cache_total", {"result": "miss"}) or 0

    before = count()
    act()
    return count() - before


def verify(encoded: str, *, times: int = 1) -> Callable[[], None]:
    def act() -> None:
        for _ in range(times):
            tokens.current().verify(encoded)

    return act


def test_a_good_token_is_verified_once() -> None:
    assert misses(verify(token(7), times=3)) == 1


def test_what_is_remembered_is_the_same() -> None:
    encoded = token(7, role="admin")
    first = tokens.current().verify(encoded)
    assert tokens.current().verify(encoded) == first
    assert (first.user_id, first.has_admin_role) == (7, True)


def test_a_remembered_token_expires_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded, expires = token(7), claims()["exp"] + LEEWAY
    verify(encoded)()
    monkeypatch.setattr(time, "time", lambda: expires - 1)
    verify(encoded)()
    monkeypatch.setattr(time, "time", lambda: expires + 3)
    # PyJWT's own clock is not moved: that it is asked again is what counts.
    assert misses(verify(encoded)) == 1


def test_a_token_is_not_remembered_by_another_application(tmp_path: object) -> None:
    encoded = token(7)
    verify(encoded)()
    other = application(f"sqlite:///{tmp_path}/unused.db", JWT_SECRET_KEY="other" * 10)
    with other, pytest.raises(InvalidTokenError):
        verify(encoded)()


def test_a_bad_token_is_verified_each_time() -> None:
    def act() -> None:
        for _ in range(2):
            with pytest.raises(InvalidTokenError):
                verify(token(7, secret="other" * 10))()

    assert misses(act) == 2


def test_a_long_token_is_good_but_not_remembered() -> None:
    assert misses(verify(token(7, note="x" * 3000), times=2)) == 2


def test_not_everything_is_remembered_for_ever() -> None:
    first = token(7)
    verify(first)()
    for _ in range(4096):
        tokens.current()._remember(token(8, jti="x"), tokens.Token(8, False, 1e12))
    assert misses(verify(first)) == 0  # the same token again and again takes one place
    for number in range(4096):
        tokens.current()._remember(f"{number}", tokens.Token(8, False, 1e12))
    assert misses(verify(first)) == 1


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
    with pytest.raises(InvalidTokenError):
        verify(encoded)()


@pytest.mark.parametrize(
    "changes", [{"b64": True}, {"b64": False}, {"crit": ["b64"], "b64": True}, {"crit": []}]
)
def test_a_header_with_critical_extensions_is_a_bad_token(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidTokenError):
        verify(with_header(**changes))()


def test_without_a_claim_for_it_no_token_with_a_role_is_minted(tmp_path: object) -> None:
    with application(f"sqlite:///{tmp_path}/unused.db", JWT_ROLE_CLAIM="") as app:
        result = app.test_cli_runner().invoke(args=["tokens", "mint", "7", "--role", "admin"])
    assert result.exit_code != 0
    assert "JWT_ROLE_CLAIM" in result.stderr
    assert not result.stdout
