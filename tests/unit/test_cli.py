"""The commands of the operator: tokens and grants."""

import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import jwt
import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner

from service import create_app
from service.commands.group import Group
from tests.support import factories, keys
from tests.support.databases import ON_BOTH, ON_ONE
from tests.support.factories import PATH, as_user
from tests.support.tokens import SECRET

pytestmark = ON_ONE

LOOKUP = f"{PATH}?provider=facebook&ext_id=fb-1"
LARGEST = 2**63 - 1
DAY = 86_400
BAD_IDS = pytest.mark.parametrize(
    "user_id",
    ["0", "-1", "07", "+7", " 7", "7 ", "7.0", "1_0", "", "me", "\u0667", str(2**63), "9" * 5_000],
)


def invoke(runner: FlaskCliRunner, *args: str) -> Result:
    return runner.invoke(args=args)


def good(runner: FlaskCliRunner, *args: str) -> str:
    """What a command prints that succeeds."""
    result = invoke(runner, *args)
    assert result.exit_code == 0, result.output
    return result.output


def refused(result: Result) -> bool:
    """Whether a command failed with a sentence, not with a trace."""
    return (
        result.exit_code != 0
        and isinstance(result.exception, SystemExit)
        and bool(result.stderr.strip())
        and not result.stdout
    )


def decoded(printed: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(printed.strip(), SECRET, ["HS256"])
    return claims


def status(client: FlaskClient, printed: str, path: str = PATH) -> int:
    headers = {"Authorization": f"Bearer {printed.strip()}"}
    return client.get(path, headers=headers).status_code


def test_mint_prints_the_token_and_nothing_else(runner: FlaskCliRunner) -> None:
    result = invoke(runner, "tokens", "mint", "7")
    assert result.output == f"{result.output.strip()}\n"
    assert decoded(result.output)


@pytest.mark.parametrize("user_id", [1, 7, LARGEST])
def test_a_minted_token_names_the_user(runner: FlaskCliRunner, user_id: int) -> None:
    claims = decoded(good(runner, "tokens", "mint", str(user_id)))
    assert (claims["user_id"], claims["token_type"]) == (user_id, "access")


def test_a_minted_token_says_nothing_of_a_role(runner: FlaskCliRunner) -> None:
    assert "role" not in decoded(good(runner, "tokens", "mint", "7"))


def test_a_minted_token_starts_now(runner: FlaskCliRunner) -> None:
    claims = decoded(good(runner, "tokens", "mint", "7"))
    assert abs(claims["iat"] - time.time()) < 5
    assert 0 < claims["exp"] - claims["iat"] <= DAY


def test_two_minted_tokens_differ(runner: FlaskCliRunner) -> None:
    assert good(runner, "tokens", "mint", "7") != good(runner, "tokens", "mint", "7")


@pytest.mark.parametrize("user_id", [7, LARGEST])
def test_the_service_accepts_a_minted_token(
    client: FlaskClient, runner: FlaskCliRunner, user_id: int
) -> None:
    assert status(client, good(runner, "tokens", "mint", str(user_id))) == 200


@pytest.mark.parametrize(("extra", "expected"), [([], 403), (["--role", "admin"], 200)])
def test_a_minted_role_is_a_role(
    client: FlaskClient, runner: FlaskCliRunner, extra: list[str], expected: int
) -> None:
    assert status(client, good(runner, "tokens", "mint", "7", *extra), LOOKUP) == expected


@pytest.mark.parametrize("lifetime", [1, 60, DAY])
def test_the_lifetime_is_in_seconds(runner: FlaskCliRunner, lifetime: int) -> None:
    claims = decoded(good(runner, "tokens", "mint", "7", "--lifetime", str(lifetime)))
    assert claims["exp"] - claims["iat"] == lifetime


@pytest.mark.parametrize("lifetime", [str(DAY + 1), "0", "-1", "1.5", "NaN", "day", "", "9" * 5000])
def test_a_lifetime_over_the_maximum_or_without_sense_is_refused(
    runner: FlaskCliRunner, lifetime: str
) -> None:
    assert refused(invoke(runner, "tokens", "mint", "7", "--lifetime", lifetime))


def test_the_configured_maximum_holds_for_minted_tokens(make_app: Callable[..., Flask]) -> None:
    runner = make_app(JWT_MAX_LIFETIME="60").test_cli_runner()
    assert refused(invoke(runner, "tokens", "mint", "7", "--lifetime", "61"))


@pytest.mark.parametrize(
    "changes",
    [
        {"JWT_MAX_LIFETIME": "60"},
        {"JWT_AUDIENCE": "social"},
        {"JWT_ISSUER": "platform"},
        {"JWT_LEEWAY": "0"},
        {"JWT_PREVIOUS_SECRET_KEYS": "x" * 32},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_minted_token_suits_the_configuration(
    make_app: Callable[..., Flask], changes: dict[str, str]
) -> None:
    app = make_app(**changes)
    printed = good(app.test_cli_runner(), "tokens", "mint", "7")
    assert status(app.test_client(), printed) == 200


def test_a_minted_role_is_in_the_configured_claim(make_app: Callable[..., Flask]) -> None:
    app = make_app(JWT_ROLE_CLAIM="groups")
    printed = good(app.test_cli_runner(), "tokens", "mint", "7", "--role", "admin")
    assert status(app.test_client(), printed, LOOKUP) == 200


def test_without_a_claim_for_it_no_token_with_a_role_is_minted(
    make_app: Callable[..., Flask],
) -> None:
    runner = make_app(JWT_ROLE_CLAIM="").test_cli_runner()
    result = invoke(runner, "tokens", "mint", "7", "--role", "admin")
    assert refused(result)
    assert "JWT_ROLE_CLAIM" in result.stderr


def test_without_a_secret_nothing_is_minted(make_app: Callable[..., Flask], tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(keys.jwks([keys.public_entry("ES256")]))
    runner = make_app(JWT_SECRET_KEY="", **keys.environment(path)).test_cli_runner()
    result = invoke(runner, "tokens", "mint", "7")
    assert refused(result)
    assert "JWT_SECRET_KEY" in result.stderr


def test_the_first_secret_signs(make_app: Callable[..., Flask]) -> None:
    runner = make_app(JWT_PREVIOUS_SECRET_KEYS="x" * 32).test_cli_runner()
    assert decoded(good(runner, "tokens", "mint", "7"))["user_id"] == 7


@BAD_IDS
def test_mint_refuses_a_bad_id(runner: FlaskCliRunner, user_id: str) -> None:
    assert refused(invoke(runner, "tokens", "mint", user_id))


@BAD_IDS
@pytest.mark.parametrize("command", ["grant", "revoke"])
def test_admins_refuses_a_bad_id(runner: FlaskCliRunner, command: str, user_id: str) -> None:
    assert refused(invoke(runner, "admins", command, user_id))


@pytest.mark.parametrize("command", [("tokens", "mint"), ("admins", "grant"), ("admins", "revoke")])
def test_a_missing_id_is_refused(runner: FlaskCliRunner, command: tuple[str, str]) -> None:
    assert refused(invoke(runner, *command))


@ON_BOTH
def test_list_is_empty_at_first(runner: FlaskCliRunner) -> None:
    assert good(runner, "admins", "list") == ""


@ON_BOTH
def test_list_prints_one_id_a_line(runner: FlaskCliRunner) -> None:
    for user_id in (7, LARGEST, 10):
        good(runner, "admins", "grant", str(user_id))
    lines = good(runner, "admins", "list").splitlines()
    assert sorted(lines) == sorted(["7", "10", str(LARGEST)])


@ON_BOTH
def test_granting_twice_is_no_error(runner: FlaskCliRunner) -> None:
    good(runner, "admins", "grant", "7")
    good(runner, "admins", "grant", "7")
    assert good(runner, "admins", "list") == "7\n"


@ON_BOTH
def test_revoke_takes_one_id_off_the_list(runner: FlaskCliRunner) -> None:
    good(runner, "admins", "grant", "7")
    good(runner, "admins", "grant", "8")
    good(runner, "admins", "revoke", "7")
    assert good(runner, "admins", "list") == "8\n"


@ON_BOTH
def test_revoking_what_was_never_granted_changes_nothing(runner: FlaskCliRunner) -> None:
    good(runner, "admins", "grant", "7")
    invoke(runner, "admins", "revoke", "8")
    assert good(runner, "admins", "list") == "7\n"


@ON_BOTH
def test_a_grant_can_be_given_again(client: FlaskClient, runner: FlaskCliRunner) -> None:
    for command in ("grant", "revoke", "grant"):
        good(runner, "admins", command, "7")
    assert client.get(LOOKUP, headers=as_user(7)).status_code == 200


def test_a_database_without_tables_is_reported_in_a_sentence(tmp_path: Path) -> None:
    app = create_app(factories.environment(f"sqlite:///{tmp_path / 'empty.db'}"))
    result = app.test_cli_runner().invoke(args=["admins", "list"])
    assert result.exit_code == 1
    assert result.output == (
        "Error: The database can't do this for now: the database is not migrated: run flask db "
        "upgrade (if it is, the role lacks USAGE on the schema of its tables).\n"
    )


def test_a_database_out_of_reach_is_reported_in_a_sentence() -> None:
    app = create_app(factories.environment("postgresql://u:hunter2@127.0.0.1:1/x"))
    result = app.test_cli_runner().invoke(args=["admins", "list"])
    assert result.exit_code == 1
    assert "can't do this for now: connection failed: " in result.output
    assert "Connection refused" in result.output
    assert "hunter2" not in result.output


def test_a_command_that_is_stopped_ends_with_a_sentence(runner: FlaskCliRunner) -> None:
    command = click.Command("stop", callback=partial(signal.raise_signal, signal.SIGINT))
    result = runner.invoke(Group("stopping", commands=[command]), ["stop"])
    assert (result.exit_code, result.output) == (1, "Error: Stopped; it may be run again.\n")
