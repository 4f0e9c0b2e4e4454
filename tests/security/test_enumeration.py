"""What an answer must not reveal: whether somebody else has a pair."""

import os
import random
import statistics
import time

import pytest
from flask.testing import FlaskClient

from tests.support.factories import PATH, as_user, facebook, path_of

TRIES = int(os.environ.get("ENUMERATION_TRIES", "0"))


@pytest.fixture
def stocked(client: FlaskClient) -> FlaskClient:
    """User 7 has `mine`, user 8 has `theirs`, both with a URL that a create won't repeat."""
    for user_id, ext_id in ((7, "mine--"), (8, "theirs")):
        body = facebook(user_id=user_id, ext_id=ext_id, profile_url="https://a.example/")
        assert client.post(PATH, json=body, headers=as_user(user_id)).status_code == 201
    return client


def answer(client: FlaskClient, method: str, path: str, ext_id: str) -> tuple[object, ...]:
    headers = as_user(7) | {"X-Request-ID": "one"}
    body = facebook(ext_id=ext_id, show_in_profile=True)
    response = client.open(path, method=method, json=body, headers=headers)
    return response.status_code, response.data, sorted(response.headers)


@pytest.mark.parametrize("path", [PATH, path_of(7)])
def test_mine_already_and_someone_elses_are_the_same_answer(
    stocked: FlaskClient, path: str
) -> None:
    mine, theirs = (answer(stocked, "POST", path, ext_id) for ext_id in ("mine--", "theirs"))
    assert (mine[0], mine) == (409, theirs)


@pytest.mark.parametrize("path", [PATH, path_of(7)])
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_someone_elses_and_nobodys_are_the_same_answer(
    stocked: FlaskClient, method: str, path: str
) -> None:
    theirs, nobodys = (answer(stocked, method, path, ext_id) for ext_id in ("theirs", "nobody"))
    assert (theirs[0], theirs) == (404, nobodys)


@pytest.mark.skipif(not TRIES, reason="wants a quiet machine: ENUMERATION_TRIES=2000")
def test_mine_already_and_someone_elses_take_the_same_time(stocked: FlaskClient) -> None:
    """The medians differ by no more than those of two halves of one kind do, by chance.

    The order within a pair of tries is drawn, so that whatever slows the machine meets both;
    the chance is measured by drawing again which of a pair was which (a permutation test).
    """
    draw = random.Random(7)
    headers = as_user(7)
    bodies = [facebook(ext_id=ext_id) for ext_id in ("mine--", "theirs")]
    differences = []
    for _ in range(TRIES):
        took = [0, 0]
        for which in draw.sample((0, 1), 2):
            start = time.perf_counter_ns()
            stocked.post(PATH, json=bodies[which], headers=headers)
            took[which] = time.perf_counter_ns() - start
        differences.append(took[0] - took[1])
    observed = statistics.median(differences)
    by_chance = [
        abs(statistics.median(d if draw.random() < 0.5 else -d for d in differences))
        for _ in range(1000)
    ]
    noise = sorted(by_chance)[998]
    print(f"median difference {observed / 1000:.1f} µs, by chance up to {noise / 1000:.1f} µs")
    # 50 µs can't be seen through a network's noise, however many tries.
    assert abs(observed) <= max(noise, 50_000)
