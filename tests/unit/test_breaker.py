"""When threads without a connection try to make one, and when they are held back."""

import pytest

from service.database.breaker import Breaker
from service.database.errors import Unavailable


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The one number in it is the time, in seconds."""
    now = [100.0]
    monkeypatch.setattr("service.database.breaker.time.monotonic", lambda: now[0])
    return now


def may_connect(breaker: Breaker) -> bool:
    try:
        with breaker.connecting():
            return True
    except Unavailable:
        return False


def test_after_a_failure_nobody_tries_for_a_moment(clock: list[float]) -> None:
    breaker = Breaker()
    breaker.unanswered(since=99)
    assert not may_connect(breaker)


def test_after_the_moment_somebody_tries_again(clock: list[float]) -> None:
    breaker = Breaker()
    breaker.unanswered(since=99)
    clock[0] += 1
    assert may_connect(breaker)


def test_while_one_thread_tries_again_no_other_does(clock: list[float]) -> None:
    breaker = Breaker()
    breaker.unanswered(since=99)
    clock[0] += 1
    with breaker.connecting():
        assert not may_connect(breaker)


def test_a_failure_beside_an_answer_holds_nobody_back(clock: list[float]) -> None:
    breaker = Breaker()
    breaker.answered()
    breaker.unanswered(since=99)
    assert may_connect(breaker)
