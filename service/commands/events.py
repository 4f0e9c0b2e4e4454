"""`flask events …`"""

import asyncio
import logging
import signal
import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta

import click
from flask import current_app

from service import strict_json
from service.commands.group import Group
from service.commands.output import write_line
from service.database import Unavailable
from service.schemas.moments import timestamp
from service.schemas.patterns import LARGEST_ID
from service.store import events, webhooks
from service.store.numbering import counter, number_at_leisure

PRUNED_AT_ONCE = 1_000
PAUSE = 0.02  # seconds between two batches, for those who wait to write
RETRIES, RETRY = 10, 1.0  # RETRY in seconds

logger = logging.getLogger(__name__)
group = Group("events", help="The events: to webhooks, and how long they are kept.")


def _addresses() -> Mapping[str, str]:
    addresses: Mapping[str, str] = current_app.config["WEBHOOK_URLS"]
    return addresses


def _required_addresses() -> Mapping[str, str]:
    if not (addresses := _addresses()):
        raise click.ClickException("WEBHOOK_URLS names no address.")
    return addresses


@group.command("deliver")
@click.option("--once", is_flag=True, help="Try once what is there, and end.")
def deliver(once: bool) -> None:
    """Send every event to each address of WEBHOOK_URLS, until it is stopped.

    With --once: exit code 0 when all of it is delivered, else 1.
    """
    _required_addresses()
    if once:
        number_at_leisure()
    raise click.exceptions.Exit(0 if asyncio.run(_deliver(once)) else 1)


async def _deliver(once: bool) -> bool:
    # Imported here: the web processes need no HTTP client.
    from service.webhooks.delivering import Delivery, Times
    from service.webhooks.sending import Sender

    config, times = current_app.config, Times()
    secrets, version = config["WEBHOOK_SECRETS"], config["API_VERSION"]
    async with Sender(secrets, timeout=times.attempt, version=version) as sender:
        delivery = Delivery(_addresses(), sender, times)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, delivery.end)
        if once:
            return await delivery.run_once()
        await delivery.run()
        return True


@group.command("status")
def status() -> None:
    """Print how far each address is, one JSON object a line."""
    _print_status(_addresses().values())


def _print_status(urls: Collection[str]) -> None:
    number_at_leisure()  # so that all are counted
    for url in urls:
        state, backlog = webhooks.state(url), webhooks.backlog(url)
        row = {**state._asdict(), **backlog._asdict()}
        times = {name: value and timestamp(value) for name, value in row.items() if name in _TIMES}
        write_line(strict_json.dumps(row | times))


_TIMES = ("oldest", "failing_since", "next_attempt_at", "stopped_at")


@group.command("replay")
@click.option("--after", type=click.IntRange(0, LARGEST_ID), required=True, metavar="ID")
@click.option("--url", help="One of WEBHOOK_URLS; resumes it where it was stopped.")
def replay(after: int, url: str | None) -> None:
    """Send again the events above an id; an address that is not so far stays where it is."""
    addresses = _required_addresses().values()
    if url is not None and url not in addresses:
        raise click.BadParameter("is not one of WEBHOOK_URLS.", param_hint="--url")
    chosen = [url] if url else addresses
    for address in chosen:
        webhooks.set_back(address, after)
        if url:
            webhooks.resume(address)
    _print_status(chosen)


@group.command("prune")
def prune() -> None:
    """Delete the events that are older than EVENTS_RETENTION_DAYS, in small batches."""
    before = datetime.now(UTC) - timedelta(days=current_app.config["EVENTS_RETENTION_DAYS"])
    from_id = counter().pruned_id
    try:
        pruned = _prune(before)
    finally:
        _log_what_was_not_sent(from_id, counter().pruned_id)
    write_line(strict_json.dumps({"pruned": pruned}))


def _prune(before: datetime) -> int:
    pruned = failures = 0
    while True:
        try:
            batch = events.prune(before, batch=PRUNED_AT_ONCE)
        except Unavailable:
            failures += 1
            if failures > RETRIES:
                raise
            time.sleep(RETRY)
            continue
        failures = 0
        pruned += batch
        if not batch:
            return pruned
        time.sleep(PAUSE)


def _log_what_was_not_sent(from_id: int, to_id: int) -> None:
    """Loudly, as when an event is given up."""
    for name, url in _addresses().items():
        if from_id < to_id > webhooks.state(url).acknowledged_id:
            logger.error(
                "webhook events pruned before they were sent",
                extra={"webhook": name, "event_id": to_id},
            )
