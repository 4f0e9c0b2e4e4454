"""`flask users …`: all that is stored about a user, and nothing of it any more."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from service.store import admins, associations, events, numbering, users
from tests.support.factories import external, facebook, shown
from tests.support.stored import BY, link, write_without_ids

Run = Callable[..., Any]


@pytest.fixture
def run(app: Flask, runner: FlaskCliRunner) -> Iterator[Run]:
    def invoke(*arguments: str) -> Any:
        result = runner.invoke(args=["users", *arguments])
        assert result.exit_code == 0, result.output
        return json.loads(result.output)

    with app.app_context():
        yield invoke


def test_export_holds_all_that_is_stored_about_the_user(run: Run) -> None:
    link(ext_id="fb-é😀", created_by=1)
    link(provider="external", ext_id="ex-1", metadata={"tier": "gold"})
    link(user_id=8, ext_id="fb-8")
    admins.grant(7)
    stored = users.stored(7)
    document = run("export", "7")
    for association in document["associations"]:
        assert association["created_at"] == association["updated_at"]
        assert association.pop("created_at").endswith("Z")
        association.pop("updated_at")
    assert document["associations"] == [
        shown(facebook(ext_id="fb-é😀", created_by=1)),
        external(metadata={"tier": "gold"}, created_by=7),
    ]
    assert [(event["id"], event["ext_id"]) for event in document["events"]] == [
        (1, "fb-é😀"),
        (2, "ex-1"),
    ]
    assert stored.admin_since is not None
    assert document["admin_since"].startswith(f"{stored.admin_since:%Y-%m-%dT%H:%M:%S.%f}")


def test_export_gives_events_their_ids_however_many_there_are(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbering, "NUMBERING_TIME", -1)  # what one call takes is over at once
    write_without_ids(numbering.MOST_NUMBERED + 1)
    assert len(run("export", "7")["events"]) == numbering.MOST_NUMBERED + 1


def test_export_of_nobody_is_empty(run: Run) -> None:
    nothing = {"associations": [], "events": [], "admin_since": None}
    assert run("export", "7") == {"user_id": 7, **nothing}


def test_export_is_one_line(app: Flask, runner: FlaskCliRunner) -> None:
    output = runner.invoke(args=["users", "export", "7"]).output
    assert output.count("\n") == 1


def test_export_holds_every_event_however_many(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "_PAGE", 2)
    for number in range(5):
        link(ext_id=f"fb-{number}")
    assert [event["id"] for event in run("export", "7")["events"]] == [1, 2, 3, 4, 5]


def test_export_holds_events_of_links_that_are_gone(run: Run) -> None:
    link()
    associations.delete(7, "facebook", "fb-1", by=BY)
    document = run("export", "7")
    assert document["associations"] == []
    assert [event["type"] for event in document["events"]] == [
        "association.created",
        "association.deleted",
    ]


def test_erase_leaves_nothing_but_its_event(run: Run) -> None:
    link()
    link(ext_id="fb-2")
    numbering.number()
    admins.grant(7)
    assert run("erase", "7") == {"deleted": 2}
    document = run("export", "7")
    assert (document["associations"], document["admin_since"]) == ([], None)
    (event,) = document["events"]
    assert event == {
        "id": 3,
        "type": "user.erased",
        "occurred_at": event["occurred_at"],
        "user_id": 7,
        "actor_id": None,
        "request_id": None,
        "deleted": 2,
    }


def test_erase_again_changes_nothing(run: Run) -> None:
    link()
    run("erase", "7")
    assert run("erase", "7") == {"deleted": 0}
    assert len(events.feed(0, 10)) == 1


@pytest.mark.parametrize("command", ["export", "erase"])
def test_a_bad_id_is_refused(runner: FlaskCliRunner, command: str) -> None:
    result = runner.invoke(args=["users", command, "07"])
    assert result.exit_code == 2
    assert "no user id" in result.stderr
