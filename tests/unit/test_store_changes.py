"""What the store changes and deletes, on both databases."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from service.database import db, execute, migration
from service.store import associations
from tests.support import stored
from tests.support.databases import application
from tests.support.stored import BY, association, link

URL = "https://example.com/me"
LONG_AGO = datetime(2026, 1, 2, 3, 4, 5, 6, UTC)
NOT_HELD = [(8, "facebook", "fb-1"), (7, "google", "fb-1"), (7, "facebook", "FB-1")]


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.fixture
def before() -> dict[str, Any]:
    """A row made long ago, with a value in every field that may change."""
    stored.insert(created_at=LONG_AGO, profile_url=URL, show_in_profile=True)
    return stored.row()


def change(**changes: Any) -> Any:
    return associations.change(7, "facebook", "fb-1", changes, by=BY)


@pytest.mark.parametrize(
    "changes",
    [
        {"profile_url": None},
        {"profile_url": f"{URL}?a=%20'\"\\"},
        {"show_in_profile": False},
        {"profile_url": None, "show_in_profile": False},
        {"profile_url": URL},
    ],
)
def test_a_change_sets_the_given_fields_and_no_other(
    before: dict[str, Any], changes: dict[str, Any]
) -> None:
    change(**changes)
    after = stored.row()
    assert after == before | changes | {"updated_at": after["updated_at"]}


@pytest.mark.parametrize("metadata", [None, {}, {"a": [1, 1e300, "é😀", {"b": None}]}])
def test_a_change_sets_metadata(metadata: dict[str, Any] | None) -> None:
    link(provider="external", ext_id="ex-1", metadata={"old": True})
    row = associations.change(7, "external", "ex-1", {"metadata": metadata}, by=BY)
    assert stored.row()["metadata"] == metadata
    assert (row.metadata and json.loads(row.metadata)) == metadata


def test_cleared_metadata_is_sql_null_and_not_the_json_one() -> None:
    link(provider="external", ext_id="ex-1", metadata={"old": True})
    associations.change(7, "external", "ex-1", {"metadata": None}, by=BY)
    query = sa.text("SELECT count(*) FROM social_association WHERE metadata IS NULL")
    with db.engine.connect() as connection:
        assert connection.scalar(query) == 1


def test_a_change_records_when_to_the_microsecond_in_utc(before: dict[str, Any]) -> None:
    begin = datetime.now(UTC)
    change(profile_url=None)
    updated_at = stored.row()["updated_at"]
    assert begin <= updated_at <= datetime.now(UTC)
    assert updated_at.utcoffset() == timedelta(0)


def test_a_change_gives_the_new_row(before: dict[str, Any]) -> None:
    row = change(profile_url=None)
    assert row._asdict() == association(profile_url=None, show_in_profile=True)


def test_a_change_touches_no_other_row(before: dict[str, Any]) -> None:
    for other in ({"ext_id": "fb-2"}, {"user_id": 8, "ext_id": "fb-3"}, {"provider": "google"}):
        stored.insert(created_at=LONG_AGO, profile_url=URL, **other)
    change(profile_url=None)
    assert [row["profile_url"] for row in stored.rows()] == [None, URL, URL, URL]


@pytest.mark.parametrize("pair", NOT_HELD)
def test_a_pair_that_this_user_does_not_have_is_not_found_to_change(
    before: dict[str, Any], pair: tuple[int, str, str]
) -> None:
    with pytest.raises(associations.NotFound):
        associations.change(*pair, {"profile_url": None}, by=BY)
    assert stored.row() == before


@pytest.mark.parametrize("pair", NOT_HELD)
def test_a_pair_that_this_user_does_not_have_is_not_found_to_delete(
    before: dict[str, Any], pair: tuple[int, str, str]
) -> None:
    with pytest.raises(associations.NotFound):
        associations.delete(*pair, by=BY)
    assert stored.row() == before


def test_delete_deletes_one_row(before: dict[str, Any]) -> None:
    link(ext_id="fb-2")
    associations.delete(7, "facebook", "fb-1", by=BY)
    assert stored.row()["ext_id"] == "fb-2"


def test_what_is_deleted_is_not_found_again(before: dict[str, Any]) -> None:
    associations.delete(7, "facebook", "fb-1", by=BY)
    with pytest.raises(associations.NotFound):
        associations.delete(7, "facebook", "fb-1", by=BY)


def test_what_one_user_deleted_another_may_have() -> None:
    link()
    associations.delete(7, "facebook", "fb-1", by=BY)
    assert link(user_id=8).is_new


def test_a_database_that_was_taken_down_has_no_revision(tmp_path: Any) -> None:
    with application(f"sqlite:///{tmp_path}/empty.db"), db.engine.connect() as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        assert migration.current(execute) is None
