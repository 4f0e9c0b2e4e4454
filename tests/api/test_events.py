"""GET …/events/ and …/history/, DELETE …/all/: what became of associations."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from service.database import db
from service.models import Event
from service.store import admins
from tests.api.openapi import ADDRESS
from tests.support.databases import ON_ONE, ON_SQLITE
from tests.support.factories import PATH, as_admin, as_user, errors_of, external, facebook, path_of

EVENTS = f"{PATH}events/"
HISTORY = f"{path_of(7)}history/"
ALL = f"{path_of(7)}all/"
ADMIN_ONLY = [("GET", EVENTS), ("DELETE", ALL)]
EVERY = [*ADMIN_ONLY, ("GET", HISTORY)]


def link(client: FlaskClient, **changes: Any) -> None:
    body = facebook(**changes)
    answer = client.post(PATH, json=body, headers=as_user(body["user_id"]))
    assert answer.status_code == 201


def ask(client: FlaskClient, path: str, **headers: str) -> Any:
    answer = client.get(path, headers=headers or as_admin())
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()


def test_the_feed_shows_a_create(client: FlaskClient) -> None:
    headers = as_user(7) | {"X-Request-ID": "req-1"}
    client.post(PATH, json=facebook(), headers=headers)
    (event,) = ask(client, EVENTS)["events"]
    at = event.pop("occurred_at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", at)
    assert event == {
        "id": 1,
        "type": "association.created",
        "user_id": 7,
        "provider": "facebook",
        "ext_id": "fb-1",
        "actor_id": 7,
        "request_id": "req-1",
    }


def test_the_feed_shows_which_fields_a_change_set(client: FlaskClient) -> None:
    link(client)
    change = facebook(show_in_profile=True, profile_url=None)
    client.patch(PATH, json=change, headers=as_admin(1))
    event = ask(client, EVENTS)["events"][-1]
    assert (event["type"], event["changed"]) == (
        "association.changed",
        ["profile_url", "show_in_profile"],
    )
    assert (event["user_id"], event["actor_id"]) == (7, 1)


def test_the_feed_shows_a_delete(client: FlaskClient) -> None:
    link(client)
    client.delete(PATH, json=facebook(), headers=as_user(7))
    assert ask(client, EVENTS)["events"][-1]["type"] == "association.deleted"


def test_a_repeated_create_and_delete_write_none(client: FlaskClient) -> None:
    link(client)
    client.post(PATH, json=facebook(), headers=as_user(7))
    client.delete(PATH, json=facebook(), headers=as_user(7))
    client.delete(PATH, json=facebook(), headers=as_user(7))
    assert [e["id"] for e in ask(client, EVENTS)["events"]] == [1, 2]


def test_a_change_to_the_same_value_writes_one(client: FlaskClient) -> None:
    link(client)
    for _ in range(2):
        client.patch(PATH, json=facebook(show_in_profile=True), headers=as_user(7))
    assert len(ask(client, EVENTS)["events"]) == 3


def test_the_feed_is_followed_by_next_after(client: FlaskClient) -> None:
    for number in range(5):
        link(client, ext_id=f"fb-{number}")
    seen, after = [], 0
    while True:
        page = ask(client, f"{EVENTS}?after={after}&limit=2")
        if not page["events"]:
            break
        seen += [event["ext_id"] for event in page["events"]]
        after = page["next_after"]
    assert seen == [f"fb-{number}" for number in range(5)]
    assert page == {"events": [], "next_after": 5}


def test_next_after_of_an_empty_feed_is_what_was_asked(client: FlaskClient) -> None:
    assert ask(client, EVENTS) == {"events": [], "next_after": 0}
    assert ask(client, f"{EVENTS}?after=9") == {"events": [], "next_after": 9}


def test_the_feed_holds_no_detail(client: FlaskClient) -> None:
    body = external(metadata={"note": "canary"})
    client.post(PATH, json=body, headers=as_user(7))
    assert "canary" not in str(ask(client, EVENTS))


@ON_SQLITE
def test_an_event_of_a_later_release_is_served_as_it_stands(client: FlaskClient) -> None:
    """In a rolling upgrade it is already written while this release still serves."""
    with client.application.app_context(), db.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        later = {"type": "association.shared", "user_id": 7, "provider": "p", "ext_id": "e"}
        values = sa.insert(Event).values(**later, from_user_id=8, occurred_at=datetime.now(UTC))
        connection.execute(values)
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = OFF")
    (event,) = ask(client, EVENTS)["events"]
    assert later | {"from_user_id": 8} == {name: event[name] for name in (*later, "from_user_id")}
    assert "changed" not in event
    assert ask(client, HISTORY)["events"] == [event]
    document = client.get(ADDRESS).get_json()
    Draft202012Validator(document["components"]["schemas"]["Event"]).validate(event)


def test_events_that_were_pruned_are_410(client: FlaskClient) -> None:
    link(client)
    ask(client, EVENTS)
    with client.application.app_context(), db.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM social_event"))
        connection.execute(sa.text("UPDATE social_event_counter SET pruned_id = 1"))
    answer = client.get(EVENTS, headers=as_admin())
    assert (answer.status_code, errors_of(answer)) == (410, {None: "gone"})
    assert ask(client, f"{EVENTS}?after=1")["events"] == []


def test_a_history_shows_the_newest_first(client: FlaskClient) -> None:
    link(client)
    link(client, user_id=8, ext_id="fb-8")
    client.delete(PATH, json=facebook(), headers=as_user(7))
    page = ask(client, HISTORY, **as_user(7))
    assert [event["type"] for event in page["events"]] == [
        "association.deleted",
        "association.created",
    ]
    assert page["next_cursor"] is None


def test_a_history_is_paged_by_its_cursor(client: FlaskClient) -> None:
    for number in range(5):
        link(client, ext_id=f"fb-{number}")
    seen, cursor = [], ""
    for _ in range(3):
        page = ask(client, f"{HISTORY}?limit=2{cursor}", **as_user(7))
        seen += [event["id"] for event in page["events"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [5, 4, 3, 2, 1]
    assert page["next_cursor"] is None


def test_a_full_last_page_has_no_next_one(client: FlaskClient) -> None:
    for number in range(2):
        link(client, ext_id=f"fb-{number}")
    assert ask(client, f"{HISTORY}?limit=2", **as_user(7))["next_cursor"] is None


def test_an_admin_sees_the_history_of_anybody(client: FlaskClient) -> None:
    link(client)
    assert len(ask(client, HISTORY)["events"]) == 1


def test_an_erasure_leaves_only_its_event(client: FlaskClient) -> None:
    link(client)
    with client.application.app_context():
        admins.grant(7)
    answer = client.delete(ALL, headers=as_admin(1))
    assert (answer.status_code, answer.get_json()) == (200, {"deleted": 1})
    assert client.get(path_of(7), headers=as_admin()).get_json() == []
    (event,) = ask(client, EVENTS)["events"]
    assert event.keys() == {
        *("id", "type", "occurred_at", "user_id", "actor_id", "request_id", "deleted")
    }
    assert (event["type"], event["user_id"], event["deleted"]) == ("user.erased", 7, 1)
    with client.application.app_context():
        assert not admins.is_granted(7)


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ('{"user_id": 8}', {"user_id": "mismatch"}),
        ('{"user_id": "x", "all": true}', {"user_id": "invalid", "all": "unknown"}),
        ("{", {None: "parse_error"}),
    ],
)
def test_an_erasure_refuses_a_body_that_asks_for_something_else(
    client: FlaskClient, body: str, errors: dict[str | None, str]
) -> None:
    link(client)
    answer = client.delete(ALL, data=body, headers=as_admin(), content_type="application/json")
    assert (answer.status_code, errors_of(answer)) == (400, errors)
    assert client.get(path_of(7), headers=as_admin()).get_json() != []


def test_an_erasure_may_name_its_user_in_the_body_too(client: FlaskClient) -> None:
    link(client)
    answer = client.delete(ALL, json={"user_id": 7}, headers=as_admin())
    assert (answer.status_code, answer.get_json()) == (200, {"deleted": 1})


def test_to_erase_again_deletes_nothing_and_writes_nothing(client: FlaskClient) -> None:
    link(client)
    client.delete(ALL, headers=as_admin(1))
    before = ask(client, EVENTS)
    assert client.delete(ALL, headers=as_admin(1)).get_json() == {"deleted": 0}
    assert ask(client, EVENTS) == before


def test_no_column_holds_what_was_erased(client: FlaskClient) -> None:
    """Whatever tables come: a canary in each field, and not one left in any column."""
    url = "https://example.com/canary"
    link(client, ext_id="canary-1", profile_url=url)
    body = external(ext_id="canary-2", metadata={"canary": "canary"})
    client.post(PATH, json=body, headers=as_user(7))
    client.patch(PATH, json=body | {"metadata": {"canary": 2}}, headers=as_user(7))
    client.delete(PATH, json=facebook(ext_id="canary-1"), headers=as_user(7))
    ask(client, HISTORY, **as_user(7))
    client.delete(ALL, headers=as_admin(1))
    with client.application.app_context(), db.engine.connect() as connection:
        stored = {
            table: str(connection.execute(sa.text(f'SELECT * FROM "{table}"')).all())
            for table in sa.inspect(connection).get_table_names()
        }
    assert stored.keys() >= {"social_association", "social_event", "admin_grant"}
    assert [table for table, rows in stored.items() if "canary" in rows] == []


# who may


@ON_ONE
@pytest.mark.parametrize(("method", "path"), EVERY)
def test_without_a_token_it_is_401(client: FlaskClient, method: str, path: str) -> None:
    assert client.open(path, method=method).status_code == 401


@ON_ONE
@pytest.mark.parametrize(("method", "path"), ADMIN_ONLY)
@pytest.mark.parametrize("user_id", [7, 8])
def test_who_is_no_admin_is_403(client: FlaskClient, method: str, path: str, user_id: int) -> None:
    answer = client.open(path, method=method, headers=as_user(user_id))
    assert (answer.status_code, errors_of(answer)) == (403, {None: "permission_denied"})


@pytest.mark.parametrize(("method", "path"), ADMIN_ONLY)
def test_an_admin_by_a_grant_may(client: FlaskClient, method: str, path: str) -> None:
    with client.application.app_context():
        admins.grant(9)
    assert client.open(path, method=method, headers=as_user(9)).status_code == 200


def test_an_admin_by_a_grant_may_be_the_user_concerned(client: FlaskClient) -> None:
    with client.application.app_context():
        admins.grant(7)
    assert client.delete(ALL, headers=as_user(7)).status_code == 200


@ON_ONE
def test_another_user_s_history_is_403(client: FlaskClient) -> None:
    assert client.get(HISTORY, headers=as_user(8)).status_code == 403


# what may be asked


@ON_ONE
@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("after=-1", {"after": "invalid"}),
        ("after=01", {"after": "invalid"}),
        ("after=", {"after": "invalid"}),
        ("after=1.0", {"after": "invalid"}),
        ("after=%D9%A1", {"after": "invalid"}),
        (f"after={2**63}", {"after": "invalid"}),
        ("limit=0", {"limit": "invalid"}),
        ("limit=501", {"limit": "invalid"}),
        ("limit=ten&after=x&page=2", {"limit": "invalid", "after": "invalid", "page": "unknown"}),
        ("after=1&after=2", {"after": "repeated"}),
        ("user_id=7", {"user_id": "unknown"}),
    ],
)
def test_the_feed_refuses(client: FlaskClient, query: str, errors: dict[str, str]) -> None:
    answer = client.get(f"{EVENTS}?{query}", headers=as_admin())
    assert (answer.status_code, errors_of(answer)) == (400, errors)


@ON_ONE
@pytest.mark.parametrize("query", ["after=0&limit=1", f"after={2**63 - 1}&limit=500"])
def test_the_feed_takes_its_bounds(client: FlaskClient, query: str) -> None:
    assert client.get(f"{EVENTS}?{query}", headers=as_admin()).status_code == 200


@ON_ONE
@pytest.mark.parametrize(
    ("query", "errors"),
    [
        ("limit=0", {"limit": "invalid"}),
        ("limit=101", {"limit": "invalid"}),
        ("cursor=x", {"cursor": "invalid"}),
        ("cursor=", {"cursor": "invalid"}),
        ("cursor=x&limit=x", {"cursor": "invalid", "limit": "invalid"}),
        ("user_id=7", {"user_id": "unknown"}),
        ("user_id=7&cursor=x", {"user_id": "unknown", "cursor": "invalid"}),
        ("after=1", {"after": "unknown"}),
    ],
)
def test_a_history_refuses(client: FlaskClient, query: str, errors: dict[str, str]) -> None:
    answer = client.get(f"{HISTORY}?{query}", headers=as_user(7))
    assert (answer.status_code, errors_of(answer)) == (400, errors)


@ON_ONE
def test_a_cursor_of_another_history_is_refused(client: FlaskClient) -> None:
    for user_id in (7, 8):
        for number in range(2):
            link(client, user_id=user_id, ext_id=f"{user_id}-{number}")
    cursor = ask(client, f"{path_of(8)}history/?limit=1")["next_cursor"]
    answer = client.get(f"{HISTORY}?cursor={cursor}", headers=as_admin())
    assert (answer.status_code, errors_of(answer)) == (400, {"cursor": "invalid"})


@ON_ONE
@pytest.mark.parametrize(("method", "path"), EVERY)
def test_it_works_without_the_slash(client: FlaskClient, method: str, path: str) -> None:
    assert client.open(path[:-1], method=method, headers=as_admin()).status_code == 200


@ON_ONE
@pytest.mark.parametrize(
    ("path", "allowed"),
    [(EVENTS, "GET, HEAD, OPTIONS"), (HISTORY, "GET, HEAD, OPTIONS"), (ALL, "DELETE, OPTIONS")],
)
@pytest.mark.parametrize("slash", ["/", ""])
def test_other_methods_are_405(app: Flask, path: str, allowed: str, slash: str) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - {*allowed.split(", ")}:
        answer = app.test_client().open(path.rstrip("/") + slash, method=method)
        assert answer.status_code == 405
        assert ", ".join(sorted(answer.headers["Allow"].split(", "))) == allowed
