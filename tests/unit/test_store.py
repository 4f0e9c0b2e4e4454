"""What the store keeps and finds, on both databases; how it changes it is in the next file."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from service.database import db
from service.store import admins, associations, directory
from service.store.recording import Origin
from tests.support import stored
from tests.support.bulk import counts, lines, runs
from tests.support.databases import ON_POSTGRESQL, application, with_options
from tests.support.factories import facebook
from tests.support.stored import BY, association, external, link

URL = "https://example.com/me"
A_DAY = datetime(2026, 1, 2, 3, 4, 5, 6, UTC)


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def pairs(rows: Any) -> list[tuple[str, str]]:
    return [(row.provider, row.ext_id) for row in rows]


# create


@pytest.mark.parametrize(
    "asked",
    [
        association(),
        association(profile_url=URL, show_in_profile=True),
        association(user_id=2**63 - 1, provider="x", ext_id="Ünïcode 😀 %s ' \" \\"),
        external(),
        external(metadata={}),
        external(metadata={"a": [1, -(2**63), 1e300, 0.1, "é😀", True, None, {"b": {}}]}),
    ],
)
def test_create_stores_what_was_asked_for(asked: dict[str, Any]) -> None:
    associations.create(asked, by=Origin(7), limit=100)
    assert {name: stored.row()[name] for name in asked} == asked


def test_create_gives_the_row_and_that_it_is_new() -> None:
    created = link(profile_url=URL)
    assert created.is_new
    assert created.row._asdict() == association(profile_url=URL)


def test_create_records_who_did_it() -> None:
    link(created_by=9)
    assert (stored.row()["user_id"], stored.row()["created_by"]) == (7, 9)


def test_create_records_when_to_the_microsecond_in_utc() -> None:
    before = datetime.now(UTC)
    link()
    row = stored.row()
    assert before <= row["created_at"] == row["updated_at"] <= datetime.now(UTC)
    assert row["created_at"].utcoffset() == timedelta(0)


def test_a_user_may_have_several_at_one_provider() -> None:
    link(ext_id="fb-1")
    link(ext_id="fb-2")
    assert len(stored.rows()) == 2


def test_pairs_are_compared_exactly() -> None:
    for ext_id in ("a", "A", "á", "a\u0301", "a ", "ａ"):
        assert link(ext_id=ext_id).is_new


def test_an_exact_repetition_is_not_new_and_gives_what_is_stored() -> None:
    link(profile_url=URL)
    repeated = link(profile_url=URL)
    assert not repeated.is_new
    assert repeated.row._asdict() == association(profile_url=URL)


def test_an_exact_repetition_changes_nothing_not_even_who_and_when() -> None:
    link(created_by=7)
    before = stored.row()
    link(created_by=9)
    assert stored.row() == before


SAME: list[tuple[Any, Any]] = [
    (None, None),
    ({}, {}),
    ({"a": 1}, {"a": 1.0}),
    ({"a": 0}, {"a": -0.0}),
    ({"a": 1e300}, {"a": 1e300}),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    ({"a": [{"b": [1]}]}, {"a": [{"b": [1.0]}]}),
]
DIFFERENT: list[tuple[Any, Any]] = [
    (None, {}),
    ({}, {"a": None}),
    ({"a": None}, {"b": None}),
    ({"a": 1}, {"a": True}),
    ({"a": False}, {"a": 0}),
    ({"a": 0}, {"a": None}),
    ({"a": 1}, {"a": "1"}),
    ({"a": []}, {"a": {}}),
    ({"a": [1, 2]}, {"a": [2, 1]}),
    ({"a": [1]}, {"a": [1, 1]}),
    ({"a": [1]}, {"a": 1}),
    ({"a": [{"b": [1]}]}, {"a": [{"b": [True]}]}),
    ({"a": "é"}, {"a": "e\u0301"}),
    ({"a": 2**53}, {"a": 2**53 + 1}),
    ({"a": 2.0**53}, {"a": 2**53 + 1}),
    ({"a": 0.1}, {"a": 0.1 + 2**-56}),
]


@pytest.mark.parametrize(("first", "second"), SAME + [(b, a) for a, b in SAME])
def test_metadata_of_the_same_json_value_is_a_repetition(first: Any, second: Any) -> None:
    associations.create(external(metadata=first), by=Origin(7), limit=100)
    assert not associations.create(external(metadata=second), by=Origin(7), limit=100).is_new


@pytest.mark.parametrize(("first", "second"), DIFFERENT + [(b, a) for a, b in DIFFERENT])
def test_metadata_of_another_json_value_is_no_repetition(first: Any, second: Any) -> None:
    associations.create(external(metadata=first), by=Origin(7), limit=100)
    with pytest.raises(associations.Taken):
        associations.create(external(metadata=second), by=Origin(7), limit=100)


@pytest.mark.parametrize(
    "changes",
    [{"profile_url": None}, {"profile_url": f"{URL}/"}, {"show_in_profile": False}, {"user_id": 8}],
)
def test_a_pair_that_is_held_with_any_other_value_is_taken(changes: dict[str, Any]) -> None:
    link(profile_url=URL, show_in_profile=True)
    other: dict[str, Any] = {"profile_url": URL, "show_in_profile": True} | changes
    with pytest.raises(associations.Taken):
        link(**other)


@pytest.mark.parametrize("changes", [{"profile_url": URL}, {"user_id": 8}])
def test_a_taken_pair_stays_as_it_was(changes: dict[str, Any]) -> None:
    link()
    before = stored.row()
    with pytest.raises(associations.Taken):
        link(**changes)
    assert stored.row() == before


def test_over_the_cap_nothing_is_stored() -> None:
    link(ext_id="fb-1", limit=2)
    link(provider="google", limit=2)
    with pytest.raises(associations.LimitReached):
        link(ext_id="fb-2", limit=2)
    assert len(stored.rows()) == 2


def test_the_cap_is_each_users_own() -> None:
    link(limit=1)
    assert link(user_id=8, ext_id="fb-2", limit=1).is_new


def test_a_deleted_association_makes_room() -> None:
    link(limit=1)
    associations.delete(7, "facebook", "fb-1", by=BY)
    assert link(ext_id="fb-2", limit=1).is_new


def test_a_repetition_is_none_too_many() -> None:
    link(limit=1)
    assert not link(limit=1).is_new


@pytest.mark.parametrize("owner", [7, 8])
def test_at_the_cap_it_is_not_shown_whether_a_pair_is_taken(owner: int) -> None:
    link(ext_id="mine", limit=1)
    link(user_id=owner, ext_id="theirs", profile_url=URL)
    with pytest.raises(associations.LimitReached):
        link(ext_id="theirs", limit=1)


# list and find


def test_the_list_is_in_order_of_creation_then_provider_then_ext_id() -> None:
    later, last = A_DAY + timedelta(microseconds=1), A_DAY + timedelta(days=1)
    for created_at, provider, ext_id in (
        (last, "a", "0"),
        (later, "a", "1"),
        (A_DAY, "b", "a"),
        (A_DAY, "a", "b"),
        (A_DAY, "a", "a"),
        (A_DAY, "a", "Z"),
        (A_DAY, "a", "é"),
    ):
        stored.insert(created_at=created_at, provider=provider, ext_id=ext_id)
    assert pairs(associations.list_of_user(7, with_hidden=True)) == [
        ("a", "Z"),
        ("a", "a"),
        ("a", "b"),
        ("a", "é"),
        ("b", "a"),
        ("a", "1"),
        ("a", "0"),
    ]


@pytest.mark.parametrize(("with_hidden", "seen"), [(True, ["a", "b", "c"]), (False, ["b"])])
def test_the_list_is_with_or_without_what_is_hidden(with_hidden: bool, seen: list[str]) -> None:
    link(ext_id="a")
    link(ext_id="b", show_in_profile=True)
    link(provider="external", ext_id="c", metadata={})
    listed = associations.list_of_user(7, with_hidden=with_hidden)
    assert [row.ext_id for row in listed] == seen


@pytest.mark.parametrize("with_hidden", [True, False])
def test_the_list_is_of_one_user(with_hidden: bool) -> None:
    link(user_id=8, show_in_profile=True)
    assert associations.list_of_user(7, with_hidden=with_hidden) == []


def test_listed_rows_hold_what_may_be_shown() -> None:
    link(profile_url=URL)
    (row,) = associations.list_of_user(7, with_hidden=True)
    assert row._asdict() == association(profile_url=URL)


def test_find_gives_whoever_has_the_pair() -> None:
    link(user_id=8, profile_url=URL)
    (row,) = associations.look_up("facebook", "fb-1")
    assert row._asdict() == association(user_id=8, profile_url=URL)


@pytest.mark.parametrize("pair", [("facebook", "FB-1"), ("google", "fb-1"), ("facebook", "fb-1 ")])
def test_find_gives_nothing_for_another_pair(pair: tuple[str, str]) -> None:
    link()
    assert associations.look_up(*pair) == []


# admins


def test_a_grant_makes_an_admin_of_one_user() -> None:
    admins.grant(7)
    assert (admins.is_granted(7), admins.is_granted(8)) == (True, False)


def test_to_grant_twice_changes_nothing() -> None:
    query = sa.text("SELECT user_id, granted_at FROM admin_grant")
    seen = []
    for _ in range(2):
        admins.grant(7)
        with db.engine.connect() as connection:
            seen.append(connection.execute(query).all())
    assert len(seen[0]) == 1
    assert seen[0] == seen[1]


def test_to_revoke_takes_the_role_and_says_whether_there_was_a_grant() -> None:
    admins.grant(7)
    assert admins.revoke(7) is True
    assert admins.is_granted(7) is False
    assert admins.revoke(7) is False


def test_admins_are_listed_in_order() -> None:
    for user_id in (10, 2**63 - 1, 9):
        admins.grant(user_id)
    assert admins.all_granted() == [9, 10, 2**63 - 1]


# elsewhere


@ON_POSTGRESQL
def test_times_are_utc_whatever_the_sessions_zone_is(database_url: str) -> None:
    with application(with_options(database_url, TimeZone="Asia/Kathmandu")):
        link()
        created_at = stored.row()["created_at"]
    assert created_at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - created_at) < timedelta(minutes=1)


@ON_POSTGRESQL
def test_dates_are_read_however_the_database_writes_them(database_url: str) -> None:
    with application(with_options(database_url, DateStyle="German")) as app:
        link()
        assert pairs(directory.of_users([7]).rows) == [("facebook", "fb-1")]
        again = runs(app.test_cli_runner())(lines(facebook()))
    assert counts(again) == {"unchanged": 1}
