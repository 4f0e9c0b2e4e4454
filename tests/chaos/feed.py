"""The feed, held against the table, the ledgers, and what was followed."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing

import sqlalchemy as sa

from tests.chaos.follower import Event, Follower
from tests.chaos.ledger import FIRST_URL, PROVIDER, State, compare, read_table
from tests.chaos.load import Load
from tests.chaos.report import Report
from tests.support.databases import postgresql, sqlite

NO_EVENT = "a change without its event"
NO_CHANGE = "an event without its change"
MISSED = "the follower missed an event"

CREATED, CHANGED, DELETED = (f"association.{what}" for what in ("created", "changed", "deleted"))
TYPES = {"POST": CREATED, "PATCH": CHANGED, "DELETE": DELETED}
# Those that nobody has read yet come last, in the order in which they were written.
QUERY = """
SELECT id, type, user_id, provider, ext_id FROM social_event ORDER BY id IS NULL, id, seq
"""


def read_feed(url: str) -> list[Event]:
    """All events that the database holds, read beside the service."""
    is_sqlite = sa.make_url(url).get_backend_name() == "sqlite"
    with closing(sqlite(url) if is_sqlite else postgresql(url)) as connection:
        return [Event(*row) for row in connection.execute(QUERY).fetchall()]


def judge(loads: Sequence[Load], url: str, report: Report) -> None:
    """Hold what the clients were promised, and who followed, against table and feed.

    Args:
        loads: all that there were on this database, in their order.
    """
    table, feed = read_table(url), read_feed(url)
    ledgers = [ledger for load in loads for ledger in load.ledgers()]
    compare(ledgers, table, report)
    _ids(feed, report)
    _pairs(feed, table, report)
    for load in loads:
        _followed(load.follower, feed, report)
        # What was acknowledged before it came to the end, it must have got.
        _counted(load, load.follower.seen if load.follower.is_done else feed, feed, report)
    last = loads[-1].follower
    if last.is_done:
        beyond = [event for event in feed if (event.id or 0) > last.after]
        report.check(not beyond, MISSED, f"the last ones: {beyond[:3]}")
    report.figures["events"] = len(feed)


def _ids(feed: Sequence[Event], report: Report) -> None:
    ids = [event.id for event in feed if event.id is not None]
    gaps = [(a, b) for a, b in zip([0, *ids], ids, strict=False) if b != a + 1]
    report.check(not gaps, "ids with gaps", gaps[:3])


def _pairs(feed: Sequence[Event], table: Mapping[str, State], report: Report) -> None:
    """A pair's events lead, one by one, to what the table holds."""
    has: dict[str, int | None] = defaultdict(lambda: None)
    changes: Counter[str] = Counter()
    for event in feed:
        if event.provider != PROVIDER:
            continue
        before = None if event.type == CREATED else event.user_id
        if has[event.ext_id] != before:
            report.violate("events of a pair in an order that can't be", event)
        has[event.ext_id] = None if event.type == DELETED else event.user_id
        changes[event.ext_id] += event.type == CHANGED
    for ext_id in has.keys() | table.keys():
        user_id, url = table.get(ext_id) or (None, None)
        if has[ext_id] != user_id:
            rule = NO_CHANGE if user_id is None else NO_EVENT
            report.violate(rule, f"{ext_id}: of {user_id}, by its events of {has[ext_id]}")
        elif user_id is not None and (url == FIRST_URL) != (changes[ext_id] == 0):
            rule = NO_CHANGE if url == FIRST_URL else NO_EVENT
            report.violate(rule, f"{ext_id}: {url} after {changes[ext_id]} changes")


def _counted(load: Load, seen: Sequence[Event], feed: Sequence[Event], report: Report) -> None:
    """No less than was acknowledged, no more than was asked for; to repeat one writes none."""
    there, followed = (
        Counter((event.ext_id, event.type) for event in events if event.provider == PROVIDER)
        for events in (feed, seen)
    )
    asked = [(ledger, *of) for ledger in load.ledgers() for of in ledger.sent.items()]
    for ledger, (ext_id, method), sent in asked:
        done, key = ledger.done[ext_id, method], (ext_id, TYPES[method])
        least, most = (done, sent) if method == "PATCH" else (min(done, 1), min(sent, 1))
        what = f"{key}: {done} of {sent} acknowledged, {there[key]} events"
        report.check(there[key] >= least, NO_EVENT, what)
        report.check(there[key] <= most, NO_CHANGE, what)
        report.check(followed[key] >= min(least, there[key]), MISSED, what)


def _followed(follower: Follower, feed: Sequence[Event], report: Report) -> None:
    """Exactly what the feed holds between where it began and where it is, in that order."""
    first, last = follower.begins_after, follower.after
    there = [event for event in feed if event.id is not None and first < event.id <= last]
    if follower.seen == there:
        return
    times = Counter(follower.seen)
    for event in there:
        report.check(times[event] > 0, MISSED, event)
    for event, n in times.items():
        report.check(n == 1, "the follower got an event twice", event)
    gone = times.keys() - set(there)
    report.check(not gone, "the follower got an event that is not there", [*gone][:3])
    ids = [event.id for event in follower.seen if event.id is not None]
    report.check(ids == sorted(ids), "the follower got events out of order")
