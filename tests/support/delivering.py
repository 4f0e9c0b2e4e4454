"""The delivery of webhooks in a thread of the test's process, with times of the test's own."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

from flask import Flask

from service.store import numbering
from service.webhooks.delivering import Delivery, Times
from service.webhooks.sending import Sender
from tests.support import receiver
from tests.support.receiver import SECRET
from tests.support.stored import link

QUICK: dict[str, Any] = {"attempt": 2, "first_retry": 0.05, "poll": 0.02, "grace": 1}


async def with_sender(
    addresses: Mapping[str, str], secrets: Sequence[str], times: dict[str, Any], act: Any
) -> Any:
    chosen = Times(**(QUICK | times))
    async with Sender(secrets, timeout=chosen.attempt, version="0") as sender:
        return await act(Delivery(addresses, sender, chosen))


def deliver_once(*urls: str, secrets: Sequence[str] = (SECRET,), **times: Any) -> bool:
    """Try once what is there, as `flask events deliver --once` does."""
    done: bool = asyncio.run(
        with_sender(named(urls), secrets, times, lambda delivery: delivery.run_once())
    )
    return done


def named(urls: Sequence[str]) -> dict[str, str]:
    return {f"receiver {place}": url for place, url in enumerate(urls)}


@contextmanager
def delivering(app: Flask, *urls: str, **times: Any) -> Iterator[None]:
    """Deliver while the block runs; what failed in the thread is raised at the end."""
    started = Event()
    ends: list[Any] = []

    async def run(delivery: Delivery) -> None:
        loop = asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(delivery.end))
        started.set()
        await delivery.run()

    def work() -> None:
        with app.app_context():
            try:
                asyncio.run(with_sender(named(urls), [SECRET], times, run))
            finally:
                started.set()
                app.extensions["database"].connection.close()  # this thread's

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(work)
        assert started.wait(5)
        try:
            yield
        finally:
            for end in ends:
                end()
            running.result(10)


def make_events(count: int, *, prefix: str = "fb") -> None:
    for number in range(count):
        link(ext_id=f"{prefix}-{number}")
    numbering.number(all_of_them=True)


def failing(times: int) -> Callable[[receiver.Delivery], int]:
    """503 so often for each event, then 200."""
    seen: dict[int, int] = {}

    def answer(delivery: receiver.Delivery) -> int:
        seen[delivery.id] = seen.get(delivery.id, 0) + 1
        return 503 if seen[delivery.id] <= times else 200

    return answer
