"""What is sent when: in order, again after a failure, until it is acknowledged or given up.

Everything here is one thread. Calls to the database are short (two seconds at most), and while
it is away no address has anything to do.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from service.database import Unavailable
from service.database.locks import lock
from service.store import events, numbering, webhooks
from service.webhooks.sending import Sender

logger = logging.getLogger("service.webhooks")

SAVES = 10
_LOCK = ("deliver", 0x50C1A2)
_WAITING = "the database is waited for"


@dataclass(frozen=True)
class Times:
    """In seconds."""

    attempt: float = 15
    first_retry: float = 5
    longest_retry: float = 3600
    give_up: float = 3 * 24 * 3600
    poll: float = 1
    """Between two looks for new events, for a replay, and for the place of another process."""
    grace: float = 3
    """What is under way at the end may take so long to end by itself."""

    @property
    def longest_pause(self) -> timedelta:
        return timedelta(seconds=self.longest_retry * 1.2)

    def until_retry(self, attempts: int) -> timedelta:
        # 2.0**1024 would be too large, and after 20 it is long over an hour.
        seconds = min(self.first_retry * 2.0 ** min(attempts - 1, 20), self.longest_retry)
        return timedelta(seconds=seconds * random.uniform(0.8, 1.2))  # noqa: S311 - no secret


class Delivery:
    """
    Args:
        addresses: URLs by the names that they have in the log.
    """

    def __init__(
        self, addresses: Mapping[str, str], sender: Sender, times: Times | None = None
    ) -> None:
        self._addresses = addresses
        self._sender = sender
        self._times = times or Times()
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Deliver until `end`: while no other process does, and whenever the database is there."""
        ours, said = lock(*_LOCK), ""
        try:
            while not self._ending.is_set():
                reason = None
                try:
                    news = "delivering" if ours.take() else "another process delivers"
                except Unavailable as error:
                    news, reason = _WAITING, str(error)
                if news != said:
                    logger.info(news, extra={"reason": reason})
                    said = news
                if news == "delivering":
                    await self._work(ours.is_held)
                    ours.release()
                    said = ""
                await self._pause()
        finally:
            ours.release()

    def end(self) -> None:
        """Begin nothing more."""
        self._ending.set()

    async def run_once(self) -> bool:
        """Try once what is there; whether all of it is delivered now."""
        ours = lock(*_LOCK)
        try:
            if not ours.take():
                logger.warning("another process delivers")
                return False
            numbering.number(all_of_them=True)
            last = numbering.counter().last_id
            tries = (self._try_once(*address, last) for address in self._addresses.items())
            return all(await asyncio.gather(*tries))
        finally:
            ours.release()

    async def _try_once(self, name: str, url: str, last: int) -> bool:
        while not self._ending.is_set():
            state = webhooks.state(url)
            event = events.next_to_send(state.acknowledged_id)
            if event is None or event.id > last:
                return True
            if state.stopped_at is not None or not await self._attempt(name, state, event):
                return False
        return False

    async def _work(self, is_ours: Callable[[], bool]) -> None:
        tasks = [asyncio.create_task(self._serve(*address)) for address in self._addresses.items()]
        while is_ours() and not self._ending.is_set() and not any(task.done() for task in tasks):
            await self._pause()
        if self._ending.is_set():
            await asyncio.wait(tasks, timeout=self._times.grace)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled():
                task.result()

    async def _serve(self, name: str, url: str) -> None:
        said = ""
        while not self._ending.is_set():
            pause, reason = self._times.poll, ""
            try:
                pause = await self._step(name, url)
            except Unavailable as error:
                reason = str(error)
            if reason and reason != said:
                logger.warning(_WAITING, extra={"webhook": name, "reason": reason})
            said = reason
            await self._pause(pause)

    async def _step(self, name: str, url: str) -> float:
        """Make the attempt that is due, if one is; gives the seconds until there may be another."""
        state = webhooks.state(url)
        # Read anew before each attempt: it may have been erased or pruned.
        event = None if state.stopped_at else events.next_to_send(state.acknowledged_id)
        if event is None:
            return self._times.poll
        if event.id == state.failing_id:
            left = state.next_attempt_at - datetime.now(UTC)
            # Further off than any retry: the clock was wrong, then or now.
            if timedelta() < left <= self._times.longest_pause:
                return float(min(left.total_seconds(), self._times.poll))
        await self._attempt(name, state, event)
        return 0

    async def _attempt(self, name: str, state: Any, event: Any) -> bool:
        outcome = await self._sender.send(state.url, event)
        noted: dict[str, Any] = {"webhook": name, "event_id": event.id, "outcome": outcome.reason}
        now = datetime.now(UTC)
        if outcome.is_acknowledged:
            await self._save(lambda: webhooks.acknowledge(state, event.id))
            logger.debug("webhook acknowledged", extra=noted)
            return True
        if outcome.is_gone:
            await self._save(lambda: webhooks.stop(state, now))
            logger.error(
                "webhook stopped: the receiver is gone; see flask events replay", extra=noted
            )
            return False
        again = event.id == state.failing_id
        since = min(state.failing_since, now) if again else now
        attempts = state.attempts + 1 if again else 1
        noted["attempts"] = attempts
        if now - since >= timedelta(seconds=self._times.give_up):
            await self._save(lambda: webhooks.acknowledge(state, event.id))
            logger.error("webhook event given up", extra=noted)
            return False
        until = now + self._times.until_retry(attempts)
        failure = webhooks.Failure(event.id, attempts, since, until)
        await self._save(lambda: webhooks.postpone(state, failure))
        logger.warning("webhook attempt failed", extra=noted)
        return False

    async def _save(self, write: Callable[[], None]) -> None:
        """Write, also when the database is away for a moment: else the event is sent again."""
        for _ in range(SAVES):
            with suppress(Unavailable):
                return write()
            await self._pause()
        return write()

    async def _pause(self, seconds: float | None = None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(
                self._ending.wait(), self._times.poll if seconds is None else seconds
            )
