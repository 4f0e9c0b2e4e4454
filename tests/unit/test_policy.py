"""The truth table of who may do what."""

from dataclasses import FrozenInstanceError

import pytest

from service.policy import Actor, is_for_admins, may_link_at, may_manage, sees_hidden

ANONYMOUS = None
USER = Actor(user_id=7, is_admin=False)
OTHER = Actor(user_id=8, is_admin=False)
ADMIN = Actor(user_id=9, is_admin=True)
ADMIN_SELF = Actor(user_id=7, is_admin=True)

# What each may do with the associations of user 7, and whether they may ask whose a pair is.
TABLE = [
    # actor     manages  sees    looks up
    (ANONYMOUS, False, False, False),
    (USER, True, True, False),
    (OTHER, False, False, False),
    (ADMIN, True, True, True),
    (ADMIN_SELF, True, True, True),
]
NAMES = ["anonymous", "the user", "another user", "an admin", "the user as admin"]
ROWS = pytest.mark.parametrize(("actor", "manages", "sees", "looks_up"), TABLE, ids=NAMES)


@ROWS
def test_the_user_and_admins_manage(
    actor: Actor | None, manages: bool, sees: bool, looks_up: bool
) -> None:
    assert may_manage(actor, 7) is manages


@ROWS
def test_the_user_and_admins_see_what_is_hidden(
    actor: Actor | None, manages: bool, sees: bool, looks_up: bool
) -> None:
    assert sees_hidden(actor, 7) is sees


@ROWS
def test_only_admins_look_up(
    actor: Actor | None, manages: bool, sees: bool, looks_up: bool
) -> None:
    assert is_for_admins(actor, None) is looks_up


@ROWS
def test_where_only_admins_link_the_user_may_not(
    actor: Actor | None, manages: bool, sees: bool, looks_up: bool
) -> None:
    assert may_link_at("keycloak", {"keycloak"})(actor, 7) is looks_up
    assert may_link_at("keycloak", {"google"})(actor, 7) is manages


def test_an_actor_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        USER.is_admin = True  # type: ignore[misc]
