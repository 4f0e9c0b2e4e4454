"""`flask events …`: deliver, status, replay, prune."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask

from service.commands import events as commands
from service.database import Unavailable, db
from service.models import Event, EventCounter, Webhook
from service.store import events, numbering, webhooks
from tests.support.receiver import SECRET, Receiver
from tests.support.stored import link, write_without_ids

Run = Callable[..., Result]


@pytest.fixture
def run(make_app: Callable[..., Flask], receiver: Receiver, other: Receiver) -> Iterator[Run]:
    """Runs `flask events …` with two addresses and three events."""
    urls = f"{receiver.url},{other.url}"
    app = make_app(WEBHOOK_URLS=urls, WEBHOOK_SECRET=SECRET, EVENTS_RETENTION_DAYS="10")
    with app.app_context():
        for number in range(3):
            link(ext_id=f"fb-{number}")
        yield lambda *arguments: app.test_cli_runner().invoke(args=["events", *arguments])


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_once_delivers_what_is_there(run: Run, receiver: Receiver, other: Receiver) -> None:
    assert run("deliver", "--once").exit_code == 0
    assert (receiver.ids(), other.ids()) == ([1, 2, 3], [1, 2, 3])
    assert receiver.received[0].verify(SECRET)


def test_once_is_1_when_something_is_left(run: Run, other: Receiver) -> None:
    other.answer = lambda _: 500
    assert run("deliver", "--once").exit_code == 1


def test_once_gives_all_their_ids_first_as_after_an_import(
    run: Run, receiver: Receiver, other: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbering, "NUMBERING_TIME", -1)  # what one call takes is over at once
    write_without_ids(numbering.MOST_NUMBERED)
    assert [line["undelivered"] for line in lines(run("status"))] == [1_003, 1_003]
    with db.engine.begin() as connection:
        connection.execute(sa.update(Event).values(id=None))
        connection.execute(sa.update(EventCounter).values(last_id=0))
        connection.execute(sa.update(Webhook).values(acknowledged_id=1_001))
    assert run("deliver", "--once").exit_code == 0
    assert (receiver.ids(), other.ids()) == ([1_002, 1_003], [1_002, 1_003])


@pytest.mark.parametrize("command", [["deliver"], ["replay", "--after", "0"]])
def test_without_addresses_there_is_nothing_to_send(
    make_app: Callable[..., Flask], command: list[str]
) -> None:
    result = make_app().test_cli_runner().invoke(args=["events", *command])
    assert (result.exit_code, result.stderr) == (1, "Error: WEBHOOK_URLS names no address.\n")


def test_status_is_a_line_for_each_address(run: Run, receiver: Receiver, other: Receiver) -> None:
    other.answer = lambda delivery: 200 if delivery.id == 1 else 500
    run("deliver", "--once")
    one, two = lines(run("status"))
    assert one == {
        "url": receiver.url,
        "acknowledged_id": 3,
        "undelivered": 0,
        "oldest": None,
        "failing_id": None,
        "attempts": 0,
        "failing_since": None,
        "next_attempt_at": None,
        "stopped_at": None,
    }
    assert (two["url"], two["acknowledged_id"], two["undelivered"]) == (other.url, 1, 2)
    assert (two["failing_id"], two["attempts"]) == (2, 1)
    since, until = (datetime.fromisoformat(two[n]) for n in ("failing_since", "next_attempt_at"))
    assert timedelta(seconds=4) <= until - since <= timedelta(seconds=6)
    assert two["oldest"].endswith("Z")


def test_status_of_no_addresses_is_nothing(make_app: Callable[..., Flask]) -> None:
    assert lines(make_app().test_cli_runner().invoke(args=["events", "status"])) == []


def test_replay_sets_every_address_back(run: Run, receiver: Receiver, other: Receiver) -> None:
    run("deliver", "--once")
    assert [line["acknowledged_id"] for line in lines(run("replay", "--after", "1"))] == [1, 1]
    run("deliver", "--once")
    assert (receiver.ids(), other.ids()) == (2 * ([1, 2, 3, 2, 3],))[:2]


def test_replay_sets_the_named_address_back(run: Run, receiver: Receiver, other: Receiver) -> None:
    run("deliver", "--once")
    (line,) = lines(run("replay", "--after", "0", "--url", other.url))
    assert line["url"] == other.url
    run("deliver", "--once")
    assert (receiver.ids(), other.ids()) == ([1, 2, 3], [1, 2, 3, 1, 2, 3])


def test_a_replay_that_names_a_stopped_address_resumes_it(run: Run, other: Receiver) -> None:
    other.answer = lambda _: 410
    run("deliver", "--once")
    other.answer = lambda _: 200
    run("replay", "--after", "0", "--url", other.url)
    assert run("deliver", "--once").exit_code == 0
    assert other.ids() == [1, 1, 2, 3]


def test_a_replay_of_all_leaves_a_stopped_address_stopped(run: Run, other: Receiver) -> None:
    other.answer = lambda _: 410
    run("deliver", "--once")
    run("replay", "--after", "0")
    assert run("deliver", "--once").exit_code == 1
    assert other.ids() == [1]


def test_a_replay_of_an_address_that_was_never_served_is_no_error(run: Run) -> None:
    assert [line["acknowledged_id"] for line in lines(run("replay", "--after", "2"))] == [0, 0]


@pytest.mark.parametrize(
    "arguments",
    [[], ["--after", "-1"], ["--after", "x"], ["--after", str(2**63)]],
)
def test_a_replay_needs_an_id(run: Run, arguments: list[str]) -> None:
    result = run("replay", *arguments)
    assert result.exit_code == 2
    assert "--after" in result.stderr


def test_a_replay_of_an_unknown_address_is_refused(run: Run) -> None:
    result = run("replay", "--after", "0", "--url", "https://example.org/")
    assert result.exit_code == 2
    assert "not one of WEBHOOK_URLS" in result.stderr


def made_old(days: float, up_to: int) -> None:
    numbering.number()
    old = datetime.now(UTC) - timedelta(days=days)
    with db.engine.begin() as connection:
        connection.execute(sa.update(Event).where(Event.id <= up_to).values(occurred_at=old))


def test_prune_deletes_what_is_older_than_the_retention(run: Run) -> None:
    made_old(10.1, up_to=2)
    assert lines(run("prune")) == [{"pruned": 2}]
    assert [event.id for event in events.feed(2, 10)] == [3]


def test_prune_says_loudly_which_address_has_not_had_what_went(
    run: Run, other: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    other.answer = lambda _: 500
    run("deliver", "--once")
    for up_to, lost in ((2, 1), (2, 0), (3, 1)):
        caplog.clear()
        made_old(11, up_to=up_to)
        run("prune")
        found = [record for record in caplog.records if "pruned before" in record.message]
        assert len(found) == lost, up_to
        assert all(record.levelname == "ERROR" for record in found)


def test_prune_says_so_also_where_it_can_not_go_on(
    run: Run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made_old(11, up_to=2)
    prune, batches = events.prune, iter([1])

    def busy_afterwards(before: datetime, **_: Any) -> int:
        for batch in batches:
            return prune(before, batch=batch)
        raise Unavailable("busy")

    monkeypatch.setattr(events, "prune", busy_afterwards)
    monkeypatch.setattr(commands, "PRUNED_AT_ONCE", 1)
    monkeypatch.setattr(commands, "RETRY", 0.01)
    assert run("prune").exit_code == 1
    found = [record for record in caplog.records if "pruned before" in record.message]
    assert [record.event_id for record in found] == [1, 1]  # type: ignore[attr-defined]


def test_prune_leaves_what_is_younger(run: Run) -> None:
    made_old(9.9, up_to=2)
    assert lines(run("prune")) == [{"pruned": 0}]


def test_prune_goes_on_until_all_is_done(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "PRUNED_AT_ONCE", 1)
    made_old(11, up_to=3)
    assert lines(run("prune")) == [{"pruned": 3}]


def test_prune_goes_on_to_what_has_no_id_yet(run: Run) -> None:
    """Also where the last that got one is of the future, and the batch one short."""
    write_without_ids(numbering.MOST_NUMBERED)
    now, year = datetime.now(UTC), timedelta(days=365)
    seq = sa.select(Event.seq).order_by(Event.seq).offset(numbering.MOST_NUMBERED - 1).limit(1)
    with db.engine.begin() as connection:
        connection.execute(sa.update(Event).values(occurred_at=now - year))
        last = sa.update(Event).where(Event.seq == seq.scalar_subquery())
        connection.execute(last.values(occurred_at=now + year))
    assert lines(run("prune")) == [{"pruned": 1_003}]


def test_prune_waits_out_a_busy_database(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    made_old(11, up_to=3)
    prune, refusals = events.prune, iter([Unavailable("busy"), Unavailable("busy")])

    def busy_at_first(*arguments: Any, **options: Any) -> int:
        for refusal in refusals:
            raise refusal
        return prune(*arguments, **options)

    monkeypatch.setattr(events, "prune", busy_at_first)
    monkeypatch.setattr(commands, "RETRY", 0.01)
    assert lines(run("prune")) == [{"pruned": 3}]


def test_prune_ends_with_a_sentence_when_the_database_stays_away(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> int:
        raise Unavailable("busy")

    monkeypatch.setattr(events, "prune", refuse)
    monkeypatch.setattr(commands, "RETRY", 0.01)
    result = run("prune")
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: The database can't do this for now: busy.\n",
    )


def test_the_address_of_a_webhook_survives_a_prune(run: Run, receiver: Receiver) -> None:
    made_old(11, up_to=3)
    run("prune")
    link(ext_id="new")
    assert run("deliver", "--once").exit_code == 0
    assert receiver.ids() == [4]
    assert webhooks.state(receiver.url).acknowledged_id == 4
