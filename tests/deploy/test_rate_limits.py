"""Too much from one token or from one address is 429, and nobody else notices."""

import time
from collections import Counter

import pytest

from tests.deploy import shape
from tests.deploy.stack import Place
from tests.deploy.upstream import Upstream
from tests.deploy.wire import Answer, request, send
from tests.support.factories import PATH, as_admin, as_user


def burst(
    place: Place, address: str, count: int, headers: dict[str, str], path: str = PATH
) -> list[Answer]:
    """As many requests, as fast as they go: in one piece, on one connection."""
    more = request(path, headers=headers, last=False) * (count - 1)
    return send(place.port, more, request(path, headers=headers), address=address)


def statuses(found: list[Answer]) -> Counter[int]:
    return Counter(answer.status for answer in found)


def test_a_token_has_a_rate_of_its_own(upstream: Upstream, alone: Place, address: str) -> None:
    found = burst(alone, address, 300, as_user(7))
    # 100 at once, and 50 more for each second that the burst lasts.
    assert 100 <= statuses(found)[200] <= 200
    refused = [answer for answer in found if answer.status != 200]
    shape.check(refused[0], 429)
    assert {answer.status for answer in refused} == {429}
    assert statuses(burst(alone, address, 50, as_user(8))) == {200: 50}


def test_a_token_s_rate_holds_from_all_addresses(
    upstream: Upstream, alone: Place, address: str
) -> None:
    headers = as_user(7)
    burst(alone, address, 300, headers)
    assert statuses(burst(alone, "127.0.9.1", 50, headers))[429] > 20


def test_a_token_s_rate_holds_however_it_is_written(
    upstream: Upstream, alone: Place, address: str
) -> None:
    scheme, token = as_user(7)["Authorization"].split()
    burst(alone, address, 300, {"Authorization": f"{scheme} {token}"})
    # The last of the signature's characters has bits that count for nothing.
    twin = token[:-1] + ("B" if token[-1] == "A" else "A")
    for value in (f"bearer {token}", f"BEARER   {token}  ", f"Bearer {twin}"):
        found = burst(alone, address, 50, {"Authorization": value})
        assert statuses(found)[429] > 20, value


def test_the_rate_of_a_token_under_a_public_key_is_counted_too(
    upstream: Upstream, alone: Place, address: str
) -> None:
    signed = as_user(7)["Authorization"].rpartition(".")[0]
    first, second, other = ("x" * 43, "y" * 43, "z" * 43)
    burst(alone, address, 300, {"Authorization": f"{signed}.{first}{second}"})
    # Of an ECDSA signature the second half has a twin, which anybody can calculate.
    found = burst(alone, address, 50, {"Authorization": f"{signed}.{first}{other}"})
    assert statuses(found)[429] > 20


@pytest.mark.parametrize(
    "path", ["lookup/", "lookup", "search/?created_by=7", "search", "%6Cookup/", "./search/"]
)
def test_look_up_of_many_and_search_have_a_rate_of_their_own(
    upstream: Upstream, alone: Place, address: str, path: str
) -> None:
    headers = as_admin()
    found = burst(alone, address, 90, headers, PATH + path)
    # 20 at once, and 10 more for each second that the burst lasts.
    assert 20 <= statuses(found)[200] <= 45
    shape.check(next(answer for answer in found if answer.status != 200), 429)
    # Both together, and apart from what else that token may do.
    assert statuses(burst(alone, address, 20, headers, f"{PATH}lookup/"))[429] > 5
    assert statuses(burst(alone, address, 30, headers)) == {200: 30}
    assert statuses(burst(alone, address, 20, as_admin(2), f"{PATH}search/")) == {200: 20}


def test_other_operations_are_not_counted_with_them(
    upstream: Upstream, alone: Place, address: str
) -> None:
    headers = as_admin()
    for path in ("events/", "searches/", "lookup/x"):
        assert statuses(burst(alone, address, 24, headers, PATH + path)) == {200: 24}, path
    assert statuses(burst(alone, address, 20, headers, f"{PATH}search/")) == {200: 20}


def test_an_address_has_a_rate_over_all_its_tokens(
    upstream: Upstream, alone: Place, address: str
) -> None:
    tokens = [as_user(user_id) for user_id in range(1, 15)]
    found = [answer for token in tokens for answer in burst(alone, address, 60, token)]
    assert 400 <= statuses(found)[200] <= 780
    shape.check(next(answer for answer in found if answer.status != 200), 429)
    assert statuses(burst(alone, "127.0.9.2", 50, as_user(99))) == {200: 50}


def test_an_address_is_the_connection_s_whatever_the_client_says(
    upstream: Upstream, alone: Place, address: str
) -> None:
    found = burst(alone, address, 600, {"X-Forwarded-For": "10.1.1.1"})
    assert statuses(found)[429] > 50
    again = burst(alone, address, 50, {"X-Forwarded-For": "10.2.2.2"})
    assert statuses(again)[429] > 20


def test_what_is_refused_never_reaches_gunicorn(
    upstream: Upstream, alone: Place, address: str
) -> None:
    found = burst(alone, address, 300, as_user(7))
    assert len(upstream.requests) == statuses(found)[200]


def test_after_the_pause_named_it_goes_on(upstream: Upstream, alone: Place, address: str) -> None:
    headers = as_user(7)
    found = burst(alone, address, 300, headers)
    time.sleep(int(found[-1].header("Retry-After") or "0"))
    assert statuses(burst(alone, address, 20, headers)) == {200: 20}
