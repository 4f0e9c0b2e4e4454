"""One attempt to deliver an event, against a real receiver."""

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from service.store.events import Row
from service.webhooks.network import MOST_READ
from service.webhooks.sending import LARGEST_ANSWER, Outcome, Sender
from tests.support.factories import event
from tests.support.processes import free_port
from tests.support.receiver import OTHER_SECRET, SECRET, Receiver, receiving
from tests.support.waiting import within


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def send(url: str, *events: Row, secrets: Sequence[str] = (SECRET,), timeout: float = 5) -> Outcome:
    async def attempts() -> Outcome:
        async with Sender(secrets, timeout=timeout, version="1.2.3") as sender:
            for one in events or (event(),):
                outcome = await sender.send(url, one)
        return outcome

    return asyncio.run(attempts())


def test_the_event_is_the_json_body(receiver: Receiver) -> None:
    send(receiver.url, event(id=17))
    (delivery,) = receiver.received
    assert delivery.event() == {
        "id": 17,
        "type": "association.created",
        "occurred_at": "2026-11-26T07:00:00.123456Z",
        "user_id": 7,
        "provider": "facebook",
        "ext_id": "fb-é😀",
        "actor_id": None,
        "request_id": None,
    }
    assert delivery.headers["content-type"] == "application/json"
    assert delivery.headers["user-agent"] == "social-associations/1.2.3"
    assert delivery.path == "/hook"


def test_the_message_s_id_is_the_event_s(receiver: Receiver) -> None:
    send(receiver.url, event(id=17))
    assert receiver.received[0].headers["webhook-id"] == "17"


def test_the_timestamp_is_that_of_the_attempt(receiver: Receiver) -> None:
    send(receiver.url)
    assert abs(int(receiver.received[0].headers["webhook-timestamp"]) - time.time()) < 5


def test_the_signature_is_good(receiver: Receiver) -> None:
    send(receiver.url)
    delivery = receiver.received[0]
    assert delivery.headers["webhook-signature"].startswith("v1,")
    assert delivery.verify(SECRET) == delivery.event()


def test_another_secret_finds_it_bad(receiver: Receiver) -> None:
    send(receiver.url)
    with pytest.raises(WebhookVerificationError):
        receiver.received[0].verify(OTHER_SECRET)


@pytest.mark.parametrize("secret", [SECRET, OTHER_SECRET])
def test_several_secrets_sign_side_by_side(receiver: Receiver, secret: str) -> None:
    send(receiver.url, secrets=[OTHER_SECRET, SECRET])
    assert receiver.received[0].verify(secret)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_2xx_is_an_acknowledgement(receiver: Receiver, status: int) -> None:
    receiver.answer = lambda _: status
    assert send(receiver.url).is_acknowledged


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 400, 401, 404, 429, 500])
def test_anything_else_is_none(receiver: Receiver, status: int) -> None:
    receiver.answer = lambda _: status
    outcome = send(receiver.url)
    assert (outcome.is_acknowledged, outcome.is_gone) == (False, False)
    assert outcome.reason == str(status)


def test_410_says_that_the_receiver_is_gone(receiver: Receiver) -> None:
    receiver.answer = lambda _: 410
    outcome = send(receiver.url)
    assert (outcome.is_acknowledged, outcome.is_gone) == (False, True)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    receiver.headers = {"Location": "/elsewhere"}
    receiver.answer = lambda delivery: status if delivery.path == "/hook" else 200
    send(receiver.url)
    assert [delivery.path for delivery in receiver.received] == ["/hook"]


def test_a_receiver_that_answers_nothing_is_given_up_in_time(receiver: Receiver) -> None:
    receiver.answer = receiver.silence
    with within(2):
        assert send(receiver.url, timeout=0.3) == Outcome(None, "time-out")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nX-Long: " + 1000 * b"x",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + 1000 * b"x",
    ],
    ids=["head", "body"],
)
def test_a_receiver_that_trickles_is_given_up_in_time(receiver: Receiver, answer: bytes) -> None:
    receiver.answer = receiver.trickle(answer)
    with within(2):
        assert send(receiver.url, timeout=0.3) == Outcome(None, "time-out")


def test_nobody_who_listens_is_a_failed_attempt() -> None:
    assert send(f"http://127.0.0.1:{free_port()}/") == Outcome(None, "ConnectError")


@pytest.mark.parametrize(
    "said", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"]
)
def test_half_an_answer_is_a_failed_attempt(receiver: Receiver, said: bytes) -> None:
    receiver.answer = lambda _: iter([said])
    assert send(receiver.url) == Outcome(None, "RemoteProtocolError")


def test_what_a_receiver_wrote_is_not_in_the_reason(receiver: Receiver) -> None:
    receiver.answer = lambda delivery: iter([delivery.body])
    assert "fb-" not in send(receiver.url).reason


def test_an_endless_answer_is_not_read(receiver: Receiver) -> None:
    sent: list[int] = []

    def endless(_: Any) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
        while True:
            yield LARGEST_ANSWER * b"x"
            sent.append(1)

    receiver.answer = endless
    assert send(receiver.url).is_acknowledged
    assert len(sent) < 1000


def test_a_flood_of_interim_answers_is_not_read(receiver: Receiver) -> None:
    receiver.answer = lambda _: itertools.repeat(1000 * b"HTTP/1.1 103 Early Hints\r\n\r\n")
    with within(2):
        assert send(receiver.url) == Outcome(None, "TooMuch")


def test_each_answer_may_be_as_large_as_any_other(receiver: Receiver) -> None:
    receiver.body = bytes(LARGEST_ANSWER)
    events = [event(id=number) for number in range(2 * MOST_READ // LARGEST_ANSWER)]
    assert send(receiver.url, *events).is_acknowledged
    assert len(receiver.connections) == 1


def test_the_url_is_asked_for_as_it_is(receiver: Receiver) -> None:
    send(f"{receiver.url};a=1/%C3%A9?b=%20&c#d")
    (delivery,) = receiver.received
    assert delivery.path == "/hook;a=1/%C3%A9?b=%20&c"
    assert delivery.headers["host"] == f"127.0.0.1:{receiver.port}"


def test_a_connection_is_used_again(receiver: Receiver) -> None:
    send(receiver.url, event(id=1), event(id=2), event(id=3))
    assert receiver.ids() == [1, 2, 3]
    assert len(receiver.connections) == 1


def test_no_cookie_is_kept(receiver: Receiver) -> None:
    receiver.headers = {"Set-Cookie": "a=b"}
    send(receiver.url, event(id=1), event(id=2))
    assert "cookie" not in receiver.received[1].headers


def test_no_proxy_of_the_environment_is_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    assert send(receiver.url).is_acknowledged


def test_a_certificate_that_nobody_knows_is_a_failed_attempt(receiver: Receiver) -> None:
    # The receiver speaks no TLS at all; what the handshake says matters to nobody here.
    assert not send(receiver.url.replace("http://", "https://")).is_acknowledged
