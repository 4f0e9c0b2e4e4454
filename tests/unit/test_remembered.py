"""Which verified tokens are remembered, and for how long."""

import time

import pytest

from service.auth import keys
from service.auth.keys import KeySet
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


def token(user_id: int = 7, *, valid_from: float = 0, expires: float = 1e12) -> Token:
    return Token(user_id, has_admin_role=False, valid_from=valid_from, expires=expires)


def remembering(verifying: Verifying) -> Remembered:
    return Remembered(verifying, keys.none)


def test_a_good_token_is_verified_once() -> None:
    verifying = Verifying(good=token())
    remembered = remembering(verifying)
    for _ in range(3):
        remembered.verify("good")
    assert verifying.times == 1


def test_what_is_remembered_is_the_same() -> None:
    admin = token(7)._replace(has_admin_role=True)
    remembered = remembering(Verifying(admin=admin, other=token(8)))
    assert [remembered.verify(name) for name in ("admin", "other", "admin")] == [
        admin,
        token(8),
        admin,
    ]


def test_a_remembered_token_expires_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    verifying = Verifying(good=token(expires=1000))
    remembered = remembering(verifying)
    monkeypatch.setattr(time, "time", lambda: 999)
    remembered.verify("good")
    del verifying.tokens["good"]
    remembered.verify("good")
    monkeypatch.setattr(time, "time", lambda: 1000)
    with pytest.raises(BadToken):
        remembered.verify("good")


def test_a_remembered_token_is_verified_anew_when_the_clock_was_set_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verifying = Verifying(good=token(valid_from=1000))
    remembered = remembering(verifying)
    monkeypatch.setattr(time, "time", lambda: 1000)
    remembered.verify("good")
    del verifying.tokens["good"]
    remembered.verify("good")
    monkeypatch.setattr(time, "time", lambda: 999)
    with pytest.raises(BadToken):
        remembered.verify("good")


def test_a_remembered_token_is_verified_anew_under_other_public_keys() -> None:
    current = [KeySet()]
    verifying = Verifying(good=token())
    remembered = Remembered(verifying, lambda: current[0])
    remembered.verify("good")
    current[0] = KeySet(())  # equal, but of another state of the file
    remembered.verify("good")
    assert verifying.times == 2


def test_a_token_verified_while_the_keys_change_is_verified_anew() -> None:
    current = [KeySet()]

    def verify(encoded: str) -> Token:
        current[0] = KeySet(are_named=not current[0].are_named)
        times.append(encoded)
        return token()

    times: list[str] = []
    remembered = Remembered(verify, lambda: current[0])
    for _ in range(2):
        remembered.verify("good")
    assert len(times) == 2


def test_a_bad_token_is_verified_each_time() -> None:
    verifying = Verifying()
    remembered = remembering(verifying)
    for _ in range(2):
        with pytest.raises(BadToken):
            remembered.verify("bad")
    assert verifying.times == 2


@pytest.mark.parametrize(("length", "times"), [(2048, 1), (2049, 2)])
def test_a_long_token_is_good_but_not_remembered(length: int, times: int) -> None:
    encoded = "x" * length
    verifying = Verifying(**{encoded: token()})
    remembered = remembering(verifying)
    for _ in range(2):
        remembered.verify(encoded)
    assert verifying.times == times


@pytest.mark.parametrize(("others", "times"), [(4095, 1), (4096, 2)])
def test_the_oldest_of_4096_tokens_makes_room(others: int, times: int) -> None:
    verifying = Verifying(first=token(), **{f"{n}": token() for n in range(others)})
    remembered = remembering(verifying)
    for encoded in list(verifying.tokens):
        remembered.verify(encoded)
    verifying.times = 0
    for _ in range(times):
        remembered.verify("first")
    assert verifying.times == times - 1


def test_the_same_token_takes_one_place() -> None:
    verifying = Verifying(first=token(), again=token(expires=0))
    remembered = remembering(verifying)
    remembered.verify("first")
    for _ in range(4096):
        remembered.verify("again")
    verifying.times = 0
    remembered.verify("first")
    assert verifying.times == 0
