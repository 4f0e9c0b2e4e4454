"""Which verified tokens are remembered, and for how long."""

import time

import pytest

from service.auth.remembered import Remembered
from service.auth.tokens import BadToken, Token


class Verifying:
    """Stands in for a verifier; `tokens` are the good ones."""

    def __init__(self, **tokens: Token) -> None:
        self.tokens = tokens
        self.times = 0

    def __call__(self, encoded: str) -> Token:
        self.times += 1
        if encoded not in self.tokens:
            raise BadToken
        return self.tokens[encoded]


def token(user_id: int = 7, *, expires: float = 1e12) -> Token:
    return Token(user_id, has_admin_role=False, expires=expires)


def test_a_good_token_is_verified_once() -> None:
    verifying = Verifying(good=token())
    remembered = Remembered(verifying)
    for _ in range(3):
        remembered.verify("good")
    assert verifying.times == 1


def test_what_is_remembered_is_the_same() -> None:
    admin = Token(7, has_admin_role=True, expires=1e12)
    remembered = Remembered(Verifying(admin=admin, other=token(8)))
    assert [remembered.verify(name) for name in ("admin", "other", "admin")] == [
        admin,
        token(8),
        admin,
    ]


def test_a_remembered_token_expires_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    verifying = Verifying(good=token(expires=1000))
    remembered = Remembered(verifying)
    monkeypatch.setattr(time, "time", lambda: 999)
    remembered.verify("good")
    del verifying.tokens["good"]
    remembered.verify("good")
    monkeypatch.setattr(time, "time", lambda: 1000)
    with pytest.raises(BadToken):
        remembered.verify("good")


def test_a_bad_token_is_verified_each_time() -> None:
    verifying = Verifying()
    remembered = Remembered(verifying)
    for _ in range(2):
        with pytest.raises(BadToken):
            remembered.verify("bad")
    assert verifying.times == 2


@pytest.mark.parametrize(("length", "times"), [(2048, 1), (2049, 2)])
def test_a_long_token_is_good_but_not_remembered(length: int, times: int) -> None:
    encoded = "x" * length
    verifying = Verifying(**{encoded: token()})
    remembered = Remembered(verifying)
    for _ in range(2):
        remembered.verify(encoded)
    assert verifying.times == times


@pytest.mark.parametrize(("others", "times"), [(4095, 1), (4096, 2)])
def test_the_oldest_of_4096_tokens_makes_room(others: int, times: int) -> None:
    verifying = Verifying(first=token(), **{f"{n}": token() for n in range(others)})
    remembered = Remembered(verifying)
    for encoded in list(verifying.tokens):
        remembered.verify(encoded)
    verifying.times = 0
    for _ in range(times):
        remembered.verify("first")
    assert verifying.times == times - 1


def test_the_same_token_takes_one_place() -> None:
    verifying = Verifying(first=token(), again=token(expires=0))
    remembered = Remembered(verifying)
    remembered.verify("first")
    for _ in range(4096):
        remembered.verify("again")
    verifying.times = 0
    remembered.verify("first")
    assert verifying.times == 0
