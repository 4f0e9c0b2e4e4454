"""How the store goes about it: how many statements, by which index, and who wins a race."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from service.database import RETRIES, Unavailable, db, execute
from service.database.statements import Statement
from service.store import admins, associations, directory, events, transfers, users
from tests.support import stored
from tests.support.databases import ON_POSTGRESQL, ON_SQLITE, Plain, watching
from tests.support.plans import nodes, plans_of
from tests.support.stored import BY, TABLE, association, link

INDEX = "ix_social_association_user_id"
USERS = 200
EACH = 10  # associations of each user


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


# statements


def changes(seen: list[str]) -> list[str]:
    """Without what SQLite needs beside them to write an event in the same transaction."""
    if db.engine.dialect.name == "postgresql":
        return seen
    beside = ("BEGIN", "INSERT INTO social_event", "COMMIT")
    return [statement for statement in seen if not statement.startswith(beside)]


def test_create_is_one_statement() -> None:
    with watching() as seen:
        link()
    assert len(changes(seen)) == 1


def test_change_delete_and_list_are_one_statement_each() -> None:
    link()
    with watching() as seen:
        associations.change(7, "facebook", "fb-1", {"show_in_profile": True}, by=BY)
        associations.list_of_user(7, with_hidden=False)
        associations.delete(7, "facebook", "fb-1", by=BY)
    assert len(changes(seen)) == 3


@ON_SQLITE
def test_on_sqlite_to_delete_nothing_is_one_statement() -> None:
    """There is no fence to run it again for."""
    with watching() as seen, pytest.raises(associations.NotFound):
        associations.delete(7, "facebook", "fb-1", by=BY)
    assert len(changes(seen)) == 1


def test_a_look_up_of_many_is_one_statement() -> None:
    with watching() as seen:
        directory.of_identities("facebook", [f"fb-{number}" for number in range(500)])
        directory.of_users([*range(1, 101)])
    assert len(seen) == 2


REPEATED: dict[str, Callable[[], object]] = {
    "create": link,
    "delete": lambda: associations.delete(8, "facebook", "fb-1", by=BY),
    "transfer": lambda: transfers.transfer(9, 7, ("facebook", "fb-1"), by=BY, limit=9),
    "transfer of all": lambda: transfers.transfer(9, 7, None, by=BY, limit=9),
    "erasure": lambda: users.erase(9, by=BY),
    "feed": lambda: events.feed(0, 9),
    "history": lambda: events.history(7, before=9, limit=9),
    "webhook": lambda: events.next_to_send(0),
    "grant": lambda: admins.grant(1),
    "withdrawal": lambda: admins.revoke(2),
}


@ON_POSTGRESQL
@pytest.mark.parametrize("repeated", REPEATED)
def test_what_is_acknowledged_was_found_in_the_transaction_of_its_fence(repeated: str) -> None:
    """After a failover, a fence alone would be one of a machine that may not have it."""
    link()
    admins.grant(1)
    events.feed(0, 9)
    with watching() as seen, suppress(associations.NotFound):
        REPEATED[repeated]()
    (fence,) = (place for place, each in enumerate(seen) if "pg_logical_emit_message" in each)
    begin = max(place for place in range(fence) if seen[place] == "BEGIN")
    within = seen[begin + 1 : fence]
    assert any("social_" in each or "admin_grant" in each for each in within)
    assert "COMMIT" not in within
    assert seen[fence + 1] == "COMMIT"


def refused(**changes: Any) -> list[str]:
    with watching() as seen, pytest.raises((associations.Taken, associations.LimitReached)):
        link(**changes)
    return seen


def test_a_taken_pair_takes_the_same_work_whoever_has_it() -> None:
    link(ext_id="mine")
    link(ext_id="theirs", user_id=8)
    mine = refused(ext_id="mine", show_in_profile=True)
    assert mine == refused(ext_id="theirs")
    assert len(changes(mine)) == 3


def test_taken_says_the_same_whoever_has_it() -> None:
    link(ext_id="mine")
    link(ext_id="theirs", user_id=8)
    said = []
    for changes in ({"ext_id": "mine", "show_in_profile": True}, {"ext_id": "theirs"}):
        with pytest.raises(associations.Taken) as taken:
            link(**changes)
        said.append((repr(taken.value), taken.value.__cause__, taken.value.__context__))
    assert said == [("Taken()", None, None)] * 2


@pytest.mark.parametrize("owner", [7, 8])
def test_at_the_cap_the_work_is_the_same_whether_or_not_the_pair_is_taken(owner: int) -> None:
    link(ext_id="mine")
    link(ext_id="taken", user_id=owner, show_in_profile=True)
    assert refused(ext_id="taken", limit=1) == refused(ext_id="free", limit=1)


@pytest.mark.parametrize("shown", [True, False])
def test_a_value_in_a_statement_is_converted_as_a_parameter_is(shown: bool) -> None:
    values = {"show_in_profile": shown, "profile_url": None, "created_at": datetime.now(UTC)}
    link(profile_url="https://a.example/", show_in_profile=not shown)
    change = sa.update(TABLE).values(values).returning(*(TABLE.c[name] for name in values))
    (changed,) = execute(Statement(change))
    assert changed._asdict() == values


def test_values_never_stand_in_a_statement() -> None:
    with watching() as seen:
        link(ext_id="canary", profile_url="https://canary.example/")
        associations.list_of_user(77777, with_hidden=True)
        associations.look_up("facebook", "canary")
        directory.of_identities("facebook", ["canary"])
        directory.of_users([77777])
        associations.change(
            7, "facebook", "canary", {"profile_url": "https://canary.example/2"}, by=BY
        )
        associations.delete(7, "facebook", "canary", by=BY)
        admins.grant(77777)
        admins.revoke(77777)
    assert "canary" not in "".join(seen)
    assert "77777" not in "".join(seen)


# plans


@pytest.fixture
def many() -> None:
    """Associations of many users, in the order in which they would come: not by user."""
    when = datetime(2026, 1, 2, tzinfo=UTC)
    values = [
        association(
            user_id=1 + number % USERS, ext_id=f"fb-{number}", show_in_profile=bool(number % 2)
        )
        | {"created_at": when, "updated_at": when, "created_by": 7}
        for number in range(USERS * EACH)
    ]
    with db.engine.connect() as connection:
        connection.execute(sa.text("BEGIN"))
        connection.execute(sa.insert(TABLE), values)
        connection.execute(sa.text("COMMIT"))
        connection.execute(sa.text("ANALYZE"))


ALL = pytest.param(lambda: associations.list_of_user(7, with_hidden=True), INDEX, id="list")
PUBLIC = pytest.param(
    lambda: associations.list_of_user(7, with_hidden=False), INDEX, id="public list"
)
LOOK_UP = pytest.param(
    lambda: associations.look_up("facebook", "fb-7"), "pk_social_association", id="find"
)
READS = pytest.mark.parametrize(("act", "index"), [ALL, PUBLIC, LOOK_UP])
IDENTITIES = pytest.param(
    lambda: directory.of_identities("facebook", ["fb-7", "fb-9"]),
    "pk_social_association",
    id="identities",
)
OF_USERS = pytest.param(lambda: directory.of_users([7, 9]), INDEX, id="users")
OF_MANY = pytest.mark.parametrize(("act", "index"), [IDENTITIES, OF_USERS])


def explained_by_postgresql(act: Any, setting: str = "") -> list[dict[str, Any]]:
    """The nodes of the plans."""
    plans = plans_of("EXPLAIN (FORMAT JSON)", act, setting)
    return [node for ((plan,),) in plans for node in nodes(plan[0]["Plan"])]


@ON_POSTGRESQL
@pytest.mark.parametrize(("act", "index"), [ALL, PUBLIC, LOOK_UP, IDENTITIES, OF_USERS])
def test_on_postgresql_reads_go_by_an_index_and_sort_a_users_own_at_most(
    many: None, act: Any, index: str
) -> None:
    found = explained_by_postgresql(act)
    assert {node["Index Name"] for node in found if "Index Name" in node} == {index}
    assert "Seq Scan" not in {node["Node Type"] for node in found}
    assert all(node["Plan Rows"] <= 2 * EACH for node in found)


@ON_POSTGRESQL
@pytest.mark.parametrize(("act", "index"), [ALL, PUBLIC, OF_USERS])
def test_on_postgresql_the_index_is_in_the_lists_order(many: None, act: Any, index: str) -> None:
    # For a handful of rows the planner may find it cheaper to read a bitmap, or all, and sort.
    found = explained_by_postgresql(act, "SET enable_bitmapscan = off; SET enable_seqscan = off")
    assert {node["Node Type"] for node in found} == {"Index Scan"}


@ON_POSTGRESQL
def test_on_postgresql_the_cap_is_counted_by_the_index(many: None) -> None:
    found = explained_by_postgresql(lambda: link(user_id=7, ext_id="new"))
    assert {node["Index Name"] for node in found if "Index Name" in node} == {INDEX}
    assert "Seq Scan" not in {node["Node Type"] for node in found}


TRANSFERS = pytest.mark.parametrize("pair", [("facebook", "fb-7"), None])


@ON_POSTGRESQL
@TRANSFERS
def test_on_postgresql_a_transfer_goes_by_indexes(many: None, pair: Any) -> None:
    found = explained_by_postgresql(lambda: transfers.transfer(8, 9, pair, by=BY, limit=100))
    assert {node["Index Name"] for node in found if "Index Name" in node} == {
        INDEX,
        "pk_social_association",
    }
    assert "Seq Scan" not in {node["Node Type"] for node in found}


@ON_SQLITE
@TRANSFERS
def test_on_sqlite_a_transfer_goes_by_indexes(many: None, pair: Any) -> None:
    plans = plans_of("EXPLAIN QUERY PLAN", lambda: transfers.transfer(8, 9, pair, by=BY, limit=100))
    details = [row[-1] for plan in plans for row in plan if "social_association" in row[-1]]
    assert details
    assert all(detail.startswith("SEARCH ") for detail in details)


@ON_SQLITE
@READS
def test_on_sqlite_reads_go_by_an_index_and_sort_nothing(many: None, act: Any, index: str) -> None:
    name = index if index == INDEX else "sqlite_autoindex_social_association_1"
    for plan in plans_of("EXPLAIN QUERY PLAN", act):
        (detail,) = (row[-1] for row in plan)
        assert detail.startswith("SEARCH ")
        assert f"INDEX {name} " in detail


@ON_SQLITE
@OF_MANY
def test_on_sqlite_a_look_up_of_many_goes_by_an_index(many: None, act: Any, index: str) -> None:
    for plan in plans_of("EXPLAIN QUERY PLAN", act):
        search, *of_list = (row[-1] for row in plan)
        name = index if index == INDEX else "sqlite_autoindex_social_association_1"
        assert search.startswith(f"SEARCH social_association USING INDEX {name} (")
        assert [detail.split()[0] for detail in of_list] == ["LIST", "SCAN"]  # of what was asked


@ON_SQLITE
def test_on_sqlite_the_cap_is_counted_by_the_index(many: None) -> None:
    plans = plans_of("EXPLAIN QUERY PLAN", lambda: link(ext_id="new"))
    details = [row[-1] for plan in plans for row in plan if "social_association" in row[-1]]
    assert details
    assert all(d.startswith("SEARCH ") and f"INDEX {INDEX} " in d for d in details)


# races


def test_a_pair_that_is_deleted_while_we_ask_who_has_it_is_created() -> None:
    link(user_id=8)
    deleted: list[bool] = []

    def vanish(plain: Plain, statement: str, _: object) -> None:
        if statement.startswith("SELECT") and not deleted:
            plain("DELETE FROM social_association")
            deleted.append(True)

    with watching(vanish):
        assert link().is_new
    assert stored.row()["user_id"] == 7


@ON_POSTGRESQL
def test_a_pair_that_changes_while_we_wait_for_the_fence_is_looked_at_again() -> None:
    link()

    def change(plain: Plain, statement: str, _: object) -> None:
        if statement == "BEGIN":
            plain("UPDATE social_association SET show_in_profile = NOT show_in_profile")

    with watching(change), pytest.raises(associations.Taken):
        link()


def test_a_pair_that_comes_and_goes_for_ever_is_unavailable() -> None:
    asked = []

    def come_and_go(plain: Plain, statement: str, _: object) -> None:
        if "INSERT INTO social_association" in statement:
            asked.append(statement)
            plain(
                "INSERT INTO social_association (provider, ext_id, user_id, show_in_profile,"
                " created_at, updated_at, created_by)"
                " VALUES ('facebook', 'fb-1', 8, FALSE, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, 8)"
            )
        else:
            plain("DELETE FROM social_association")

    with watching(come_and_go), pytest.raises(Unavailable):
        link()
    assert len(asked) == RETRIES
    assert stored.rows() == []
