"""Which tokens are good by what they claim. `GET` without a query is 200 for a known caller."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import tokens
from tests.support.databases import ON_ONE
from tests.support.factories import PATH, as_user, errors_of, facebook

pytestmark = ON_ONE

KNOWN = 200
DAY = 86_400


def now() -> int:
    return int(time.time())


def status(client: FlaskClient, **changes: Any) -> int:
    """What a token with these claims is answered; `...` leaves a claim out."""
    return client.get(PATH, headers=as_user(**changes)).status_code


def status_of_literal(client: FlaskClient, name: str, literal: str) -> int:
    headers = tokens.bearer(tokens.with_claim(name, literal))
    return client.get(PATH, headers=headers).status_code


@pytest.mark.parametrize("name", ["user_id", "token_type", "exp", "iat", "jti"])
def test_a_token_without_a_required_claim_is_401(client: FlaskClient, name: str) -> None:
    response = client.get(PATH, headers=as_user(**{name: ...}))
    assert response.status_code == 401
    assert errors_of(response) == {None: "invalid_token"}
    assert response.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize("name", ["user_id", "token_type", "exp", "iat", "jti"])
@pytest.mark.parametrize("literal", ["null", "true", "false", "[]", "{}", '""', "[7]"])
def test_a_required_claim_of_another_type_is_401(
    client: FlaskClient, name: str, literal: str
) -> None:
    assert status_of_literal(client, name, literal) == 401


@pytest.mark.parametrize("literal", ["1", str(2**63 - 1), '"1"', f'"{2**63 - 1}"'])
def test_user_id_is_a_positive_integer_or_its_decimal(client: FlaskClient, literal: str) -> None:
    assert status_of_literal(client, "user_id", literal) == KNOWN


def test_user_id_as_a_string_is_the_same_user(client: FlaskClient) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7))
    assert len(client.get(PATH, headers=as_user("7")).get_json()) == 1


@pytest.mark.parametrize(
    "literal",
    [
        "0",
        "-1",
        "-0",
        "7.0",
        "7e0",
        "7.5",
        str(2**63),
        str(2**64 + 7),
        "1e400",
        "NaN",
        '"0"',
        '"07"',
        '"+7"',
        '"-7"',
        '" 7"',
        '"7 "',
        '"7\\n"',
        '"7.0"',
        '"7e0"',
        '"1_0"',
        '"0x7"',
        '"\\u0667"',
        '"\\uff17"',
        '"7\\u0000"',
        '"me"',
        f'"{2**63}"',
        pytest.param("9" * 5_000, id="5,000 digits"),
        pytest.param(f'"{"9" * 5_000}"', id="5,000 digits in quotes"),
    ],
)
def test_any_other_user_id_is_401(client: FlaskClient, literal: str) -> None:
    assert status_of_literal(client, "user_id", literal) == 401


def test_sub_does_not_stand_in_for_user_id(client: FlaskClient) -> None:
    assert status(client, user_id=..., sub="7") == 401


@pytest.mark.parametrize("literal", ['"8"', "8", "null", '["8"]'])
def test_sub_is_not_looked_at(client: FlaskClient, literal: str) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7))
    headers = tokens.bearer(tokens.with_claim("sub", literal))
    assert len(client.get(PATH, headers=headers).get_json()) == 1


@pytest.mark.parametrize(
    "token_type", ["refresh", "sliding", "ACCESS", "Access", "access ", " access", ["access"], 1]
)
def test_another_token_type_is_401(client: FlaskClient, token_type: object) -> None:
    assert status(client, token_type=token_type) == 401


def test_type_does_not_stand_in_for_token_type(client: FlaskClient) -> None:
    assert status(client, token_type=..., type="access") == 401


def test_type_is_not_looked_at(client: FlaskClient) -> None:
    assert status(client, type="refresh", fresh=False, csrf="x") == KNOWN


@pytest.mark.parametrize("jti", ["x", "0", 5, 0, -1, 1.5, 2**80, "\u00e9", "x" * 1_000])
def test_jti_is_a_string_or_a_number(client: FlaskClient, jti: object) -> None:
    assert status(client, jti=jti) == KNOWN


@pytest.mark.parametrize("literal", ["NaN", "-Infinity", '["x"]', '{"a": 1}'])
def test_any_other_jti_is_401(client: FlaskClient, literal: str) -> None:
    assert status_of_literal(client, "jti", literal) == 401


NO_DATE = [
    '"soon"',
    '"{now}"',
    "[{now}]",
    "true",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e400",
    pytest.param("1" + "0" * 400, id="10**400"),
    pytest.param("9" * 5_000, id="5,000 digits"),
]


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("literal", NO_DATE)
def test_a_date_that_is_no_finite_number_is_401(
    client: FlaskClient, name: str, literal: str
) -> None:
    # Each would be a good date if its text were read as the number in it.
    good = now() + 60 if name == "exp" else now() - 60
    assert status_of_literal(client, name, literal.replace("{now}", str(good))) == 401


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
def test_a_date_may_have_a_fraction(client: FlaskClient, name: str) -> None:
    good = now() + 60.25 if name == "exp" else now() - 60.75
    assert status(client, **{name: good}) == KNOWN


def test_both_dates_may_have_a_fraction(client: FlaskClient) -> None:
    assert status(client, iat=time.time(), exp=time.time() + 60) == KNOWN


@pytest.mark.parametrize(("ago", "expected"), [(4, KNOWN), (20, 401), (3_600, 401)])
def test_a_token_expires_after_the_leeway(client: FlaskClient, ago: int, expected: int) -> None:
    assert status(client, iat=now() - 7_200, exp=now() - ago) == expected


@pytest.mark.parametrize("exp", [0, -1, -1e9])
def test_a_token_that_expired_in_another_age_is_401(client: FlaskClient, exp: float) -> None:
    assert status(client, iat=exp - 60, exp=exp) == 401


@pytest.mark.parametrize("name", ["iat", "nbf"])
@pytest.mark.parametrize(("ahead", "expected"), [(4, KNOWN), (60, 401), (500, 401)])
def test_a_token_from_the_future_is_401_but_for_the_leeway(
    client: FlaskClient, name: str, ahead: int, expected: int
) -> None:
    assert status(client, **{name: now() + ahead}) == expected


def test_a_fractional_iat_in_the_future_is_401(client: FlaskClient) -> None:
    assert status(client, iat=now() + 60.5) == 401


def test_nbf_in_the_past_is_fine(client: FlaskClient) -> None:
    assert status(client, nbf=now() - 60) == KNOWN


@pytest.mark.parametrize(
    ("leeway", "ago", "expected"), [("0", 3, 401), ("60", 40, KNOWN), ("60", 80, 401)]
)
def test_the_leeway_is_configurable(
    make_app: Callable[..., Flask], leeway: str, ago: int, expected: int
) -> None:
    client = make_app(JWT_LEEWAY=leeway).test_client()
    assert status(client, iat=now() - 300, exp=now() - ago) == expected


@pytest.mark.parametrize(
    ("lifetime", "expected"),
    [(60, KNOWN), (DAY, KNOWN), (DAY + 1, 401), (DAY + 0.5, 401), (10 * DAY, 401), (1e300, 401)],
)
def test_a_token_lives_a_day_at_most(client: FlaskClient, lifetime: float, expected: int) -> None:
    iat = now()
    assert status(client, iat=iat, exp=iat + lifetime) == expected


def test_a_long_lived_token_stays_401_at_its_end(client: FlaskClient) -> None:
    assert status(client, iat=now() - 10 * DAY, exp=now() + 60) == 401


@pytest.mark.parametrize(("lifetime", "expected"), [(60, KNOWN), (61, 401), (600, 401)])
def test_the_longest_life_is_configurable(
    make_app: Callable[..., Flask], lifetime: int, expected: int
) -> None:
    client = make_app(JWT_MAX_LIFETIME="60").test_client()
    iat = now()
    assert status(client, iat=iat, exp=iat + lifetime) == expected


@pytest.mark.parametrize("name", ["aud", "iss"])
@pytest.mark.parametrize("literal", ['"someone"', '["a", "b"]', "null", "7", "{}"])
def test_audience_and_issuer_are_not_looked_at_unless_configured(
    client: FlaskClient, name: str, literal: str
) -> None:
    assert status_of_literal(client, name, literal) == KNOWN


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ('"social"', KNOWN),
        ('["social"]', KNOWN),
        ('["other", "social"]', KNOWN),
        ('"other"', 401),
        ('"Social"', 401),
        ('"social "', 401),
        ('["other"]', 401),
        ("[]", 401),
        ("null", 401),
        ("7", 401),
        ("[7]", 401),
        ('{"social": true}', 401),
        ('["social", 7]', 401),
    ],
)
def test_the_audience_is_checked_when_configured(
    make_app: Callable[..., Flask], literal: str, expected: int
) -> None:
    client = make_app(JWT_AUDIENCE="social").test_client()
    assert status_of_literal(client, "aud", literal) == expected


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ('"platform"', KNOWN),
        ('"other"', 401),
        ('"Platform"', 401),
        ('"plat"', 401),
        ('["platform"]', 401),
        ('{"platform": 1}', 401),
        ("null", 401),
        ("7", 401),
    ],
)
def test_the_issuer_is_checked_when_configured(
    make_app: Callable[..., Flask], literal: str, expected: int
) -> None:
    client = make_app(JWT_ISSUER="platform").test_client()
    assert status_of_literal(client, "iss", literal) == expected


@pytest.mark.parametrize("setting", ["JWT_AUDIENCE", "JWT_ISSUER"])
def test_a_configured_audience_or_issuer_is_required(
    make_app: Callable[..., Flask], setting: str
) -> None:
    assert status(make_app(**{setting: "x"}).test_client()) == 401


@pytest.mark.parametrize(
    "literal",
    [
        pytest.param("[" * 300 + "]" * 300, id="300 levels"),
        pytest.param("[" * 100_000 + "]" * 100_000, id="100,000 levels"),
        pytest.param("9" * 5_000, id="5,000 digits"),
        '"\\ud800"',
        '"\\u0000"',
        "1e400",
    ],
)
def test_a_claim_that_nobody_asked_for_is_no_server_error(
    client: FlaskClient, literal: str
) -> None:
    assert status_of_literal(client, "x", literal) in {KNOWN, 401}
