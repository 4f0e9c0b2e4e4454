"""Who is an admin: by a claim of the token, or by a grant kept here.

The lookup shows it: it answers an admin with 200 and anybody else with 403.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient, FlaskCliRunner

from service.database.statements import Statement
from tests.api import problems
from tests.support.databases import ON_ONE
from tests.support.factories import PATH, as_admin, as_user, errors_of, facebook, path_of

LOOKUP = f"{PATH}?provider=facebook&ext_id=fb-1"
ADMIN, NO_ADMIN = 200, 403


def status(client: FlaskClient, **changes: Any) -> int:
    return client.get(LOOKUP, headers=as_user(9, **changes)).status_code


@ON_ONE
@pytest.mark.parametrize("role", ["admin", ["admin"], ["user", "admin"], ["admin", "admin"]])
def test_the_role_claim_is_admin_or_a_list_that_holds_it(client: FlaskClient, role: object) -> None:
    assert status(client, role=role) == ADMIN


@ON_ONE
@pytest.mark.parametrize(
    "role",
    [
        "user",
        "",
        "Admin",
        "ADMIN",
        "admin ",
        "administrator",
        "superadmin",
        "user,admin",
        "user admin",
        None,
        True,
        1,
        [],
        ["user"],
        ["Admin"],
        [["admin"]],
        [None, 1, {}],
        {"admin": True},
        {"role": "admin"},
    ],
)
def test_any_other_role_claim_is_a_caller_without_the_role(
    client: FlaskClient, role: object
) -> None:
    assert status(client, role=role) == NO_ADMIN


@ON_ONE
@pytest.mark.parametrize("name", ["roles", "Role", "groups", "is_admin", "admin", "scope"])
def test_other_claims_say_nothing_about_the_role(client: FlaskClient, name: str) -> None:
    assert status(client, **{name: "admin"}) == NO_ADMIN


def test_lack_of_the_role_is_a_403_in_the_one_shape(client: FlaskClient) -> None:
    response = client.get(LOOKUP, headers=as_user(9))
    problems.check(response, 403)
    assert errors_of(response) == {None: "permission_denied"}


@pytest.mark.parametrize(
    ("claim", "expected"), [("groups", ADMIN), ("role", NO_ADMIN), ("", NO_ADMIN)]
)
def test_the_claims_name_is_configurable(
    make_app: Callable[..., Flask], claim: str, expected: int
) -> None:
    client = make_app(JWT_ROLE_CLAIM="groups").test_client()
    assert status(client, **{claim: ["admin"]}) == expected


@pytest.mark.parametrize("claim", ["role", ""])
def test_the_claim_can_be_switched_off(make_app: Callable[..., Flask], claim: str) -> None:
    client = make_app(JWT_ROLE_CLAIM="").test_client()
    assert status(client, **{claim: "admin"}) == NO_ADMIN


def test_a_grant_makes_an_admin(client: FlaskClient, runner: FlaskCliRunner) -> None:
    runner.invoke(args=["admins", "grant", "9"])
    assert status(client) == ADMIN


def test_a_grant_works_with_the_claim_switched_off(
    make_app: Callable[..., Flask], runner: FlaskCliRunner
) -> None:
    runner.invoke(args=["admins", "grant", "9"])
    assert status(make_app(JWT_ROLE_CLAIM="").test_client()) == ADMIN


def test_a_grant_counts_whatever_the_role_claim_says(
    client: FlaskClient, runner: FlaskCliRunner
) -> None:
    runner.invoke(args=["admins", "grant", "9"])
    assert status(client, role="user") == ADMIN


def test_a_grant_counts_for_a_user_id_in_quotes(
    client: FlaskClient, runner: FlaskCliRunner
) -> None:
    runner.invoke(args=["admins", "grant", "9"])
    assert client.get(LOOKUP, headers=as_user("9")).status_code == ADMIN


def test_a_grant_makes_nobody_else_an_admin(client: FlaskClient, runner: FlaskCliRunner) -> None:
    runner.invoke(args=["admins", "grant", "99"])
    assert status(client) == NO_ADMIN


def test_a_grant_takes_effect_with_the_next_request(
    client: FlaskClient, runner: FlaskCliRunner
) -> None:
    headers = as_user(9)
    before = client.get(LOOKUP, headers=headers).status_code
    runner.invoke(args=["admins", "grant", "9"])
    assert (before, client.get(LOOKUP, headers=headers).status_code) == (NO_ADMIN, ADMIN)


def test_a_withdrawal_takes_effect_with_the_next_request(
    client: FlaskClient, runner: FlaskCliRunner
) -> None:
    headers = as_user(9)
    runner.invoke(args=["admins", "grant", "9"])
    before = client.get(LOOKUP, headers=headers).status_code
    runner.invoke(args=["admins", "revoke", "9"])
    assert (before, client.get(LOOKUP, headers=headers).status_code) == (ADMIN, NO_ADMIN)


@pytest.mark.parametrize("path", [PATH, path_of(7)])
def test_a_granted_admin_may_write_for_another_user(
    client: FlaskClient, runner: FlaskCliRunner, path: str
) -> None:
    runner.invoke(args=["admins", "grant", "9"])
    assert client.post(path, json=facebook(), headers=as_user(9)).status_code == 201


@pytest.mark.parametrize("path", [f"{PATH}?user_id=7", path_of(7)])
def test_a_granted_admin_sees_what_is_hidden(
    client: FlaskClient, runner: FlaskCliRunner, path: str
) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7))
    runner.invoke(args=["admins", "grant", "9"])
    assert len(client.get(path, headers=as_user(9)).get_json()) == 1


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the SQL that the application sends meanwhile."""
    seen: list[str] = []

    run = Statement.run

    def note(statement: Statement, connection: Any, dialect: Any, parameters: Any) -> list[Any]:
        rows = run(statement, connection, dialect, parameters)
        seen.append(str(statement._compiled[dialect.name].sql))
        return rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Statement, "run", note)
        yield seen


OWN = {
    "own list": ("GET", PATH, None),
    "own list by query": ("GET", f"{PATH}?user_id=7", None),
    "own list by path": ("GET", path_of(7), None),
    "own create": ("POST", PATH, facebook()),
    "own create by path": ("POST", path_of(7), facebook()),
    "own change": ("PATCH", path_of(7), facebook(show_in_profile=True)),
    "own delete": ("DELETE", PATH, facebook()),
}


@pytest.mark.parametrize("call", OWN.values(), ids=OWN)
def test_grants_are_not_consulted_for_the_user_concerned(
    app: Flask, client: FlaskClient, call: tuple[str, str, dict[str, Any] | None]
) -> None:
    method, path, body = call
    with statements() as seen:
        client.open(path, method=method, json=body, headers=as_user(7))
    assert seen
    assert not [statement for statement in seen if "admin_grant" in statement]


def test_grants_are_consulted_for_somebody_else(app: Flask, client: FlaskClient) -> None:
    with statements() as seen:
        client.get(path_of(7), headers=as_user(9))
    assert [statement for statement in seen if "admin_grant" in statement]


def test_an_admin_by_claim_needs_no_grant(client: FlaskClient) -> None:
    assert client.post(PATH, json=facebook(), headers=as_admin(1)).status_code == 201
