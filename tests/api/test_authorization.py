"""Who may do what: the table, and how soon a grant made or withdrawn counts."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from flask.testing import FlaskClient, FlaskCliRunner
from werkzeug.test import TestResponse

from tests.support.databases import ON_BOTH, ON_ONE
from tests.support.factories import PATH, as_admin, as_user, errors_of, external, facebook, path_of

pytestmark = ON_ONE

PAIR = {"provider": "facebook", "ext_id": "fb-1"}
ANONYMOUS, USER, ANOTHER, CLAIM, GRANT = (
    "anonymous",
    "the user",
    "another user",
    "admin by claim",
    "admin by grant",
)
SIGN_IN: dict[str, Callable[[], dict[str, str]]] = {
    ANONYMOUS: dict,
    USER: partial(as_user, 7),
    ANOTHER: partial(as_user, 8),
    CLAIM: partial(as_admin, 1),
    GRANT: partial(as_user, 9),
}
OPERATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "create": ("POST", {"json": external()}),
    "list": ("GET", {}),
    "patch": ("PATCH", {"json": facebook(show_in_profile=True)}),
    "delete by body": ("DELETE", {"json": facebook()}),
    "delete by query": ("DELETE", {"query_string": facebook()}),
}
WHO_MAY: dict[str, dict[str, int]] = {
    "create": {ANONYMOUS: 401, USER: 201, ANOTHER: 403, CLAIM: 201, GRANT: 201},
    "list": {ANONYMOUS: 200, USER: 200, ANOTHER: 200, CLAIM: 200, GRANT: 200},
    "patch": {ANONYMOUS: 401, USER: 200, ANOTHER: 403, CLAIM: 200, GRANT: 200},
    "delete by body": {ANONYMOUS: 401, USER: 204, ANOTHER: 403, CLAIM: 204, GRANT: 204},
    "delete by query": {ANONYMOUS: 401, USER: 204, ANOTHER: 403, CLAIM: 204, GRANT: 204},
}
CODES = {401: "not_authenticated", 403: "permission_denied"}


@pytest.fixture
def stocked(client: FlaskClient, runner: FlaskCliRunner) -> FlaskClient:
    """User 7 has one association; user 9 is an admin by grant."""
    assert client.post(PATH, json=facebook(), headers=as_user(7)).status_code == 201
    assert runner.invoke(args=["admins", "grant", "9"]).exit_code == 0
    return client


def perform(
    client: FlaskClient,
    operation: str,
    path: str,
    caller: str,
    headers: dict[str, str] | None = None,
) -> TestResponse:
    """Perform the operation on user 7's associations; `headers` stand in for the caller's."""
    method, arguments = OPERATIONS[operation]
    if operation == "list" and path == PATH:
        arguments = {"query_string": {"user_id": 7}}
    return client.open(path, method=method, headers=headers or SIGN_IN[caller](), **arguments)


@pytest.mark.parametrize("path", [PATH, path_of(7)], ids=["first form", "second form"])
@pytest.mark.parametrize(
    ("operation", "caller", "status"),
    [
        (operation, caller, status)
        for operation, row in WHO_MAY.items()
        for caller, status in row.items()
    ],
)
def test_the_table_of_who_may_do_what(
    stocked: FlaskClient, path: str, operation: str, caller: str, status: int
) -> None:
    response = perform(stocked, operation, path, caller)
    assert response.status_code == status
    if status in CODES:
        assert errors_of(response) == {None: CODES[status]}


@ON_BOTH
@pytest.mark.parametrize("path", [PATH, path_of(7)], ids=["first form", "second form"])
@pytest.mark.parametrize(
    ("caller", "seen"), [(ANONYMOUS, 0), (USER, 1), (ANOTHER, 0), (CLAIM, 1), (GRANT, 1)]
)
def test_who_sees_what_is_hidden(stocked: FlaskClient, path: str, caller: str, seen: int) -> None:
    assert len(perform(stocked, "list", path, caller).get_json()) == seen


@ON_BOTH
@pytest.mark.parametrize(
    ("caller", "status"),
    [(ANONYMOUS, 401), (USER, 403), (ANOTHER, 403), (CLAIM, 200), (GRANT, 200)],
)
def test_who_may_look_up_a_pair(stocked: FlaskClient, caller: str, status: int) -> None:
    response = stocked.get(PATH, query_string=PAIR, headers=SIGN_IN[caller]())
    assert response.status_code == status


@pytest.mark.parametrize("path", [PATH, path_of(7)], ids=["first form", "second form"])
@pytest.mark.parametrize("operation", ["create", "patch", "delete by body", "delete by query"])
def test_a_refused_operation_changes_nothing(
    stocked: FlaskClient, path: str, operation: str
) -> None:
    before = perform(stocked, "list", path, USER).get_json()
    perform(stocked, operation, path, ANOTHER)
    assert perform(stocked, "list", path, USER).get_json() == before


@pytest.mark.parametrize("path", [PATH, path_of(7)], ids=["first form", "second form"])
@pytest.mark.parametrize("operation", ["create", "patch", "delete by body", "delete by query"])
def test_the_refusal_of_a_missing_token_names_the_scheme_to_use(
    stocked: FlaskClient, path: str, operation: str
) -> None:
    response = perform(stocked, operation, path, ANONYMOUS)
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_a_lack_of_permission_is_no_challenge(stocked: FlaskClient) -> None:
    assert "WWW-Authenticate" not in perform(stocked, "create", PATH, ANOTHER).headers


# The same token before and after: what the service remembers of one must not keep a grant alive.


@pytest.mark.parametrize("path", [PATH, path_of(7)], ids=["first form", "second form"])
@pytest.mark.parametrize("operation", ["create", "patch", "delete by body", "delete by query"])
def test_a_withdrawn_grant_has_no_effect_from_the_next_request_on(
    stocked: FlaskClient, runner: FlaskCliRunner, path: str, operation: str
) -> None:
    token = as_user(9)
    assert len(perform(stocked, "list", path, GRANT, token).get_json()) == 1
    runner.invoke(args=["admins", "revoke", "9"])
    assert perform(stocked, operation, path, GRANT, token).status_code == 403


@ON_BOTH
def test_a_withdrawn_grant_hides_what_is_hidden_from_the_next_request_on(
    stocked: FlaskClient, runner: FlaskCliRunner
) -> None:
    token = as_user(9)
    assert len(perform(stocked, "list", PATH, GRANT, token).get_json()) == 1
    runner.invoke(args=["admins", "revoke", "9"])
    assert perform(stocked, "list", PATH, GRANT, token).get_json() == []


@ON_BOTH
def test_a_withdrawn_grant_ends_the_look_up(stocked: FlaskClient, runner: FlaskCliRunner) -> None:
    token = as_user(9)
    assert stocked.get(PATH, query_string=PAIR, headers=token).status_code == 200
    runner.invoke(args=["admins", "revoke", "9"])
    assert stocked.get(PATH, query_string=PAIR, headers=token).status_code == 403


@ON_BOTH
def test_a_grant_has_effect_with_the_next_request(
    stocked: FlaskClient, runner: FlaskCliRunner
) -> None:
    token = as_user(8)
    assert perform(stocked, "create", PATH, ANOTHER, token).status_code == 403
    runner.invoke(args=["admins", "grant", "8"])
    assert perform(stocked, "create", PATH, ANOTHER, token).status_code == 201


def test_a_withdrawn_grant_leaves_the_admin_their_own_associations(
    stocked: FlaskClient, runner: FlaskCliRunner
) -> None:
    runner.invoke(args=["admins", "revoke", "9"])
    response = stocked.post(PATH, json=external(user_id=9), headers=as_user(9))
    assert response.status_code == 201


@ON_BOTH
def test_a_grant_is_one_users(stocked: FlaskClient) -> None:
    response = stocked.post(PATH, json=external(), headers=as_user(99))
    assert response.status_code == 403


@ON_BOTH
def test_another_who_names_themselves_gets_no_further(stocked: FlaskClient) -> None:
    response = stocked.patch(
        PATH, json=facebook(user_id=8, show_in_profile=True), headers=as_user(8)
    )
    assert response.status_code == 404
