"""Transfers beside transfers, creates and deletes at the same moment."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.factories import PATH, as_admin, as_user, facebook, path_of
from tests.support.parallel import at_once, statuses

ROUNDS = pytest.mark.parametrize("number", range(5))
EACH = 4  # associations of each user before it begins


def moving(user_id: int, to_user_id: int, ext_id: str | None = None) -> dict[str, Any]:
    what = {"provider": "facebook", "ext_id": ext_id} if ext_id else {"all": True}
    return {
        "path": f"{path_of(user_id)}transfer/",
        "method": "POST",
        "json": {"to_user_id": to_user_id, **what},
        "headers": as_admin(),
    }


def post(user_id: int, ext_id: str) -> dict[str, Any]:
    body = facebook(user_id=user_id, ext_id=ext_id)
    return {"method": "POST", "json": body, "headers": as_user(user_id)}


def delete(user_id: int, ext_id: str) -> dict[str, Any]:
    return post(user_id, ext_id) | {"method": "DELETE"}


@pytest.fixture
def linked(client: FlaskClient) -> FlaskClient:
    for user_id in (7, 8):
        for number in range(EACH):
            assert client.open(PATH, **post(user_id, f"{user_id}-{number}")).status_code == 201
    return client


def owners(client: FlaskClient, *user_ids: int) -> dict[str, int]:
    """Who has which; and the events say so too."""
    found = {
        one["ext_id"]: user_id
        for user_id in user_ids
        for one in client.get(path_of(user_id), headers=as_admin()).get_json()
    }
    said: dict[str, int] = {}
    for event in client.get(f"{PATH}events/?limit=500", headers=as_admin()).get_json()["events"]:
        if event["type"] == "association.deleted":
            assert said.pop(event["ext_id"]) == event["user_id"]
            continue
        assert said.get(event["ext_id"]) == event.get("from_user_id")
        said[event["ext_id"]] = event["user_id"]
    assert said == found
    return found


@ROUNDS
def test_of_equal_transfers_one_moves_and_the_others_find_it_done(
    app: Flask, linked: FlaskClient, number: int
) -> None:
    assert statuses(at_once(app, [moving(7, 9, "7-0")] * 6)) == [200] * 6
    assert owners(linked, 7, 8, 9)["7-0"] == 9


@ROUNDS
def test_of_two_users_who_are_to_have_the_same_pair_one_gets_it(
    app: Flask, linked: FlaskClient, number: int
) -> None:
    responses = at_once(app, [moving(7, 8, "7-0"), moving(7, 9, "7-0")] * 3)
    assert statuses(responses) == [200] * 3 + [404] * 3
    assert owners(linked, 7, 8, 9)["7-0"] == next(
        response.get_json()[0]["user_id"] for response in responses if response.status_code == 200
    )


@ROUNDS
def test_of_two_users_who_are_to_have_all_one_gets_all(
    app: Flask, linked: FlaskClient, number: int
) -> None:
    responses = at_once(app, [moving(7, 8), moving(7, 9)] * 3)
    assert statuses(responses) == [200] * 6
    moved = [len(response.get_json()) for response in responses]
    assert sorted(moved) == [0] * 5 + [EACH]
    found = owners(linked, 7, 8, 9)
    assert len({found[f"7-{number}"] for number in range(EACH)} - {7}) == 1


@ROUNDS
def test_of_transfers_of_all_that_cross_one_comes_first(
    app: Flask, linked: FlaskClient, number: int
) -> None:
    assert statuses(at_once(app, [moving(7, 8), moving(8, 7)] * 3)) == [200] * 6
    assert len({*owners(linked, 7, 8).values()}) == 1


@ROUNDS
def test_a_pair_that_goes_to_and_fro_stays_with_one_of_them(
    app: Flask, linked: FlaskClient, number: int
) -> None:
    assert statuses(at_once(app, [moving(7, 8, "7-0"), moving(8, 7, "7-0")] * 3)) == [200] * 6
    assert len(owners(linked, 7, 8)) == 2 * EACH


@ROUNDS
def test_transfers_to_one_user_do_not_pass_the_cap_together(
    make_app: Callable[..., Flask], linked: FlaskClient, number: int
) -> None:
    app = make_app(MAX_ASSOCIATIONS_PER_USER="10")
    for user_id in range(10, 14):
        for each in range(EACH):
            linked.open(PATH, **post(user_id, f"{user_id}-{each}"))
    found = statuses(at_once(app, [moving(user_id, 9) for user_id in (7, 8, *range(10, 14))]))
    assert found == [200] * 2 + [409] * 4
    assert [*owners(linked, *range(7, 14)).values()].count(9) == 2 * EACH


@ROUNDS
def test_all_beside_creates_and_deletes(app: Flask, linked: FlaskClient, number: int) -> None:
    deletes = [delete(7, "7-0"), delete(9, "7-0")]
    requests = [moving(7, 9), *deletes, post(7, "new-1"), post(7, "7-1"), moving(7, 9)]
    found = statuses(at_once(app, requests))
    assert {*found} <= {200, 201, 204, 404, 409}
    left = owners(linked, 7, 8, 9)
    assert {left[f"7-{number}"] for number in range(1, EACH)} == {9}
    assert left.get("7-0", 9) == 9
    assert left["new-1"] in (7, 9)


@ROUNDS
def test_who_creates_what_is_being_given_away_gets_it_never(
    app: Flask, linked: FlaskClient, number: int
) -> None:
    linked.open(PATH, **delete(7, "7-0"))
    requests = [post(7, "7-0"), post(8, "7-0"), moving(7, 9, "7-0")] * 2
    assert {*statuses(at_once(app, requests))} <= {200, 201, 404, 409}
    assert len(owners(linked, 7, 8, 9)) == 2 * EACH
