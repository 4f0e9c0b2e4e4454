"""The examples of docs/events.md do what the page says."""

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from service.config import ROOT
from service.models import EVENT_TYPES
from service.schemas.events import FURTHER_KEYS
from tests.support.databases import ON_SQLITE
from tests.support.delivering import deliver_once
from tests.support.receiver import OTHER_SECRET, SECRET, Delivery, receiving
from tests.support.stored import link
from tests.support.tokens import token

PAGE = (ROOT / "docs/events.md").read_text()
pytestmark = ON_SQLITE


def example(name: str) -> Any:
    """The function of this name that the page shows."""
    (block,) = re.findall(rf"(?ms)^```python {name}\n(.*?)^```$", PAGE)
    names: dict[str, Any] = {}
    exec(block, names)
    return names[name]


@pytest.fixture
def served(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with app.app_context():
        yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
    app.extensions["database"].connection.close()


class _Enough(Exception):
    pass


def test_the_follower_gets_every_event_and_keeps_its_place(served: str) -> None:
    seen, saved = [], [0]

    def handle(event: dict[str, Any]) -> None:
        seen.append(event["id"])
        if len(seen) == 3:
            raise _Enough

    for number in range(2):
        link(ext_id=f"fb-{number}")

    def save(after: int) -> None:
        saved.append(after)
        link(ext_id="fb-2")

    with pytest.raises(_Enough):
        example("follow")(served, lambda: token(1, role="admin"), lambda: 0, save, handle)
    assert (seen, saved) == ([1, 2, 3], [0, 2])


def test_the_follower_is_twenty_lines() -> None:
    block = PAGE.partition("```python follow\n")[2].partition("```")[0]
    assert len([line for line in block.splitlines() if line]) <= 20


@pytest.fixture
def delivery(app: Flask) -> Iterator[Delivery]:
    with app.app_context(), receiving() as receiver:
        link()
        deliver_once(receiver.url, secrets=[SECRET, OTHER_SECRET])
        yield receiver.received[0]


@pytest.mark.parametrize("secret", [SECRET, OTHER_SECRET])
def test_the_receiver_takes_a_signed_event(delivery: Delivery, secret: str) -> None:
    seen: list[Any] = []
    receive = example("receive")
    assert receive(secret, delivery.headers, delivery.body, lambda _: True, seen.append) == 204
    assert seen == [delivery.event()]


def test_the_receiver_takes_an_event_once(delivery: Delivery) -> None:
    seen: list[Any] = []
    receive = example("receive")
    assert receive(SECRET, delivery.headers, delivery.body, lambda _: False, seen.append) == 204
    assert seen == []


def test_the_receiver_refuses_any_other(delivery: Delivery) -> None:
    forged = delivery.body.replace(b"fb-1", b"fb-2")
    seen: list[Any] = []
    assert example("receive")(SECRET, delivery.headers, forged, lambda _: True, seen.append) == 400
    assert seen == []


def test_every_type_that_is_stored_goes_out_with_its_keys() -> None:
    """Two tables: models and schemas know nothing of each other."""
    assert [*FURTHER_KEYS.items()] == [*EVENT_TYPES.items()]


def test_the_page_names_every_type() -> None:
    assert set(re.findall(r"`((?:association|user)\.[a-z]+)`", PAGE)) == set(EVENT_TYPES)
