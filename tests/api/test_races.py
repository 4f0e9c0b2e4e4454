"""What holds when requests come at the same moment: real threads, a client each."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.factories import PATH, as_user, external, facebook, path_of, shown
from tests.support.parallel import at_once, statuses

ROUNDS = 5


def post(user_id: int, **changes: Any) -> dict[str, Any]:
    body = facebook(user_id=user_id, **changes)
    return {"method": "POST", "json": body, "headers": as_user(user_id)}


def pairs_of(client: FlaskClient, user_id: int) -> list[str]:
    listed = client.get(path_of(user_id), headers=as_user(user_id)).get_json()
    return [item["ext_id"] for item in listed]


@pytest.mark.parametrize("number", range(ROUNDS))
def test_of_eight_equal_creates_one_creates_and_seven_are_retries(
    app: Flask, client: FlaskClient, number: int
) -> None:
    responses = at_once(app, [post(7)] * 8)
    assert statuses(responses) == [200] * 7 + [201]
    assert pairs_of(client, 7) == ["fb-1"]


@pytest.mark.parametrize("number", range(ROUNDS))
def test_of_two_users_who_want_the_same_pair_only_one_gets_it(
    app: Flask, client: FlaskClient, number: int
) -> None:
    callers = [7, 8] * 4
    responses = at_once(app, [post(user_id) for user_id in callers])
    owner = next(
        caller
        for caller, response in zip(callers, responses, strict=True)
        if response.status_code == 201
    )
    loser = 15 - owner
    by_user: dict[int, list[int]] = {7: [], 8: []}
    for caller, response in zip(callers, responses, strict=True):
        by_user[caller].append(response.status_code)
    assert sorted(by_user[owner]) == [200, 200, 200, 201]
    assert by_user[loser] == [409] * 4
    assert (pairs_of(client, owner), pairs_of(client, loser)) == (["fb-1"], [])


@pytest.mark.parametrize("number", range(ROUNDS))
def test_of_creates_with_different_values_only_one_is_stored(
    app: Flask, client: FlaskClient, number: int
) -> None:
    urls = [f"https://example.com/{n}" for n in range(8)]
    responses = at_once(app, [post(7, profile_url=url) for url in urls])
    assert statuses(responses) == [201] + [409] * 7
    winner = next(r.get_json() for r in responses if r.status_code == 201)
    assert client.get(path_of(7), headers=as_user(7)).get_json() == [winner]


def test_creates_of_different_pairs_all_succeed(app: Flask, client: FlaskClient) -> None:
    responses = at_once(app, [post(7, ext_id=f"fb-{n}") for n in range(8)])
    assert statuses(responses) == [201] * 8
    assert sorted(pairs_of(client, 7)) == [f"fb-{n}" for n in range(8)]


@pytest.mark.parametrize("number", range(ROUNDS))
def test_two_changes_of_different_fields_both_survive(
    app: Flask, client: FlaskClient, number: int
) -> None:
    client.post(PATH, json=facebook(), headers=as_user(7))
    changes: list[dict[str, Any]] = [
        {"profile_url": "https://example.com/"},
        {"show_in_profile": True},
    ] * 4
    responses = at_once(
        app,
        [
            {"method": "PATCH", "json": facebook(**change), "headers": as_user(7)}
            for change in changes
        ],
    )
    assert statuses(responses) == [200] * 8
    assert client.get(path_of(7)).get_json() == [
        shown(facebook(profile_url="https://example.com/", show_in_profile=True))
    ]


@pytest.mark.parametrize("number", range(ROUNDS))
def test_of_eight_equal_deletes_one_deletes_and_seven_find_nothing(
    app: Flask, client: FlaskClient, number: int
) -> None:
    client.post(PATH, json=external(), headers=as_user(7))
    delete = {"method": "DELETE", "json": external(), "headers": as_user(7)}
    assert statuses(at_once(app, [delete] * 8)) == [204] + [404] * 7


def test_every_operation_on_one_pair_at_once_ends_in_an_answer_of_the_contract(
    app: Flask, client: FlaskClient
) -> None:
    delete = {"method": "DELETE", "json": facebook(), "headers": as_user(7)}
    patch = {"method": "PATCH", "json": facebook(show_in_profile=True), "headers": as_user(7)}
    responses = at_once(app, [post(7), delete, patch, post(8)] * 3)
    assert {response.status_code for response in responses} <= {200, 201, 204, 404, 409}
    assert len(pairs_of(client, 7) + pairs_of(client, 8)) <= 1
