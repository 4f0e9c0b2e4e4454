"""Every rule of the tables has a name and holds, whoever writes past the service."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from flask import Flask

from service.database import db
from service.models import Association
from service.schemas import providers
from tests.support.databases import ON_POSTGRESQL

NOW = "2026-01-02 03:04:05.000006+00:00"
ASSOCIATION: dict[str, Any] = {
    "provider": "facebook",
    "ext_id": "fb-1",
    "user_id": 7,
    "profile_url": None,
    "show_in_profile": False,
    "metadata": None,
    "created_at": NOW,
    "updated_at": NOW,
    "created_by": 7,
}
EXTERNAL = ASSOCIATION | {"provider": "external", "ext_id": "ex-1"}
GRANT: dict[str, Any] = {"user_id": 7, "granted_at": NOW}
EVENT: dict[str, Any] = {
    "id": None,
    "type": "association.created",
    "occurred_at": NOW,
    "user_id": 7,
    "provider": "facebook",
    "ext_id": "fb-1",
    "actor_id": None,
    "request_id": None,
    "changed": None,
    "from_user_id": None,
    "deleted": None,
}
ERASURE = EVENT | {"type": "user.erased", "provider": None, "ext_id": None, "deleted": 3}
COUNTER: dict[str, Any] = {"id": 1, "last_id": 5, "pruned_id": 5}
WEBHOOK: dict[str, Any] = {
    "url": "https://example.org/hook",
    "acknowledged_id": 0,
    "failing_id": None,
    "attempts": 0,
    "failing_since": None,
    "next_attempt_at": None,
    "stopped_at": None,
}
FAILING = WEBHOOK | {"failing_id": 1, "attempts": 1, "failing_since": NOW, "next_attempt_at": NOW}
LONGEST = ASSOCIATION | {
    "provider": "x" * 64,
    "ext_id": "😀" * 255,
    "user_id": 2**63 - 1,
    "created_by": 2**63 - 1,
    "profile_url": "x" * 2048,
    "show_in_profile": True,
}
GOOD = [
    ASSOCIATION,
    EXTERNAL | {"metadata": "{}"},
    LONGEST,
    GRANT,
    EVENT,
    EVENT | {"id": 2**63 - 1},
    ERASURE,
    WEBHOOK | {"url": "https://" + 2040 * "x", "acknowledged_id": 2**63 - 1, "stopped_at": NOW},
    FAILING,
]
# A row for each rule, and the rule that it breaks; but for the keys, which take two.
BAD = [
    (ASSOCIATION | {"user_id": 0}, "ck_social_association_user_id_is_positive"),
    (ASSOCIATION | {"user_id": -1}, "ck_social_association_user_id_is_positive"),
    (ASSOCIATION | {"created_by": 0}, "ck_social_association_created_by_is_positive"),
    (ASSOCIATION | {"provider": ""}, "ck_social_association_provider_is_lower_case"),
    (ASSOCIATION | {"provider": "Facebook"}, "ck_social_association_provider_is_lower_case"),
    (ASSOCIATION | {"provider": "External"}, "ck_social_association_provider_is_lower_case"),
    (ASSOCIATION | {"ext_id": ""}, "ck_social_association_ext_id_has_a_length"),
    (EXTERNAL | {"profile_url": "x"}, "ck_social_association_external_has_no_profile_url"),
    (EXTERNAL | {"profile_url": ""}, "ck_social_association_external_has_no_profile_url"),
    (EXTERNAL | {"show_in_profile": True}, "ck_social_association_external_is_not_in_profile"),
    (ASSOCIATION | {"metadata": "{}"}, "ck_social_association_only_external_has_metadata"),
    (ASSOCIATION | {"metadata": "null"}, "ck_social_association_only_external_has_metadata"),
    (GRANT | {"user_id": 0}, "ck_admin_grant_user_id_is_positive"),
    (EVENT | {"type": "association.seen"}, "ck_social_event_type_is_known"),
    (EVENT | {"user_id": 0}, "ck_social_event_user_id_is_positive"),
    (EVENT | {"provider": None}, "ck_social_event_all_but_erasure_have_a_pair"),
    (EVENT | {"ext_id": None}, "ck_social_event_all_but_erasure_have_a_pair"),
    (ERASURE | {"ext_id": "fb-1"}, "ck_social_event_all_but_erasure_have_a_pair"),
    (EVENT | {"changed": "metadata"}, "ck_social_event_changes_name_their_fields"),
    (EVENT | {"type": "association.changed"}, "ck_social_event_changes_name_their_fields"),
    (EVENT | {"from_user_id": 8}, "ck_social_event_transfers_name_the_former_user"),
    (
        EVENT | {"type": "association.transferred"},
        "ck_social_event_transfers_name_the_former_user",
    ),
    (EVENT | {"deleted": 1}, "ck_social_event_erasures_count"),
    (ERASURE | {"deleted": None}, "ck_social_event_erasures_count"),
    (COUNTER | {"id": 2}, "ck_social_event_counter_there_is_one_row"),
    (COUNTER | {"pruned_id": 6}, "ck_social_event_counter_pruned_events_had_an_id"),
    (WEBHOOK | {"acknowledged_id": -1}, "ck_social_webhook_nothing_is_negative"),
    (FAILING | {"attempts": -1}, "ck_social_webhook_nothing_is_negative"),
    (FAILING | {"attempts": 0}, "ck_social_webhook_failures_have_an_event_and_times"),
    (FAILING | {"failing_id": None}, "ck_social_webhook_failures_have_an_event_and_times"),
    (FAILING | {"failing_since": None}, "ck_social_webhook_failures_have_an_event_and_times"),
    (FAILING | {"next_attempt_at": None}, "ck_social_webhook_failures_have_an_event_and_times"),
]
KEYS: dict[str, tuple[dict[str, Any] | None, dict[str, Any]]] = {
    "pk_social_association": (ASSOCIATION, EXTERNAL | {"provider": "facebook", "ext_id": "fb-1"}),
    "pk_admin_grant": (GRANT, GRANT),
    "pk_social_event": (EVENT | {"seq": 1}, EVENT | {"seq": 1}),
    "pk_social_event_counter": (None, COUNTER),
    "pk_social_webhook": (WEBHOOK, FAILING),
}
NULLABLE = {"profile_url", "metadata", "id", "actor_id", "request_id"}


TABLE_WITH = {
    "granted_at": "admin_grant",
    "occurred_at": "social_event",
    "pruned_id": "social_event_counter",
    "acknowledged_id": "social_webhook",
    "created_by": "social_association",
}


@pytest.fixture
def connection(app: Flask) -> Iterator[sa.Connection]:
    with app.app_context(), db.engine.connect() as connection:
        yield connection


def insert(connection: sa.Connection, row: dict[str, Any]) -> None:
    table = next(table for column, table in TABLE_WITH.items() if column in row)
    values = ", ".join(f":{name}" for name in row)
    connection.execute(sa.text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})"), row)


def broken(connection: sa.Connection, row: dict[str, Any]) -> str:
    """What the database names when it refuses the row."""
    with pytest.raises(sa.exc.IntegrityError) as refused:
        insert(connection, row)
    if isinstance(refused.value.orig, psycopg.Error):
        return str(refused.value.orig.diag.constraint_name or refused.value.orig.diag.column_name)
    return str(refused.value.orig).rpartition("failed: ")[2]


def names(inspector: Any, table: str) -> set[str]:
    """The names of a table's constraints and indexes."""
    return {
        inspector.get_pk_constraint(table)["name"],
        *(found["name"] for found in inspector.get_check_constraints(table)),
        *(found["name"] for found in inspector.get_indexes(table)),
    }


@pytest.mark.parametrize("row", GOOD)
def test_what_keeps_the_rules_is_stored(connection: sa.Connection, row: dict[str, Any]) -> None:
    insert(connection, row)


@pytest.mark.parametrize(("row", "rule"), BAD)
def test_a_broken_rule_is_refused_by_its_name(
    connection: sa.Connection, row: dict[str, Any], rule: str
) -> None:
    assert broken(connection, row) == rule


@pytest.mark.parametrize("key", KEYS)
def test_two_rows_cannot_have_the_same_key(connection: sa.Connection, key: str) -> None:
    first, second = KEYS[key]
    if first is not None:  # the counter's row is there from the start
        insert(connection, first)
    named = broken(connection, second)
    if connection.dialect.name == "sqlite":  # which names the columns instead
        table = key.removeprefix("pk_")
        found = sa.inspect(connection).get_pk_constraint(table)
        assert found["name"] == key
        assert named == ", ".join(f"{table}.{column}" for column in found["constrained_columns"])
    else:
        assert named == key


@pytest.mark.parametrize("row", [ASSOCIATION, GRANT], ids=["association", "grant"])
def test_only_a_detail_may_be_null(connection: sa.Connection, row: dict[str, Any]) -> None:
    for name in row.keys() - NULLABLE:
        assert broken(connection, row | {name: None}).rpartition(".")[2] == name


def test_the_latest_time_of_nothing_is_none(connection: sa.Connection) -> None:
    assert connection.scalar(sa.select(sa.func.max(Association.created_at))) is None


@ON_POSTGRESQL
@pytest.mark.parametrize(
    "change",
    [{"provider": "x" * 65}, {"ext_id": "x" * 256}, {"profile_url": "x" * 2049}],
    ids=lambda change: next(iter(change)),
)
def test_on_postgresql_what_is_too_long_is_refused(
    connection: sa.Connection, change: dict[str, str]
) -> None:
    with pytest.raises(sa.exc.DataError):
        insert(connection, ASSOCIATION | change)


def test_every_named_constraint_is_broken_by_one_of_these_tests() -> None:
    named = {
        str(constraint.name)
        for table in db.metadata.tables.values()
        for constraint in table.constraints
    }
    assert named == {rule for _, rule in BAD} | KEYS.keys()


def test_the_models_and_the_database_have_the_same_names(connection: sa.Connection) -> None:
    inspector = sa.inspect(connection)
    for table in db.metadata.sorted_tables:
        named: tuple[Any, ...] = (*table.constraints, *table.indexes)
        modelled = {part.name for part in named}
        assert names(inspector, table.name) == modelled


# A value of each detail that says something.
SAYING = {
    "profile_url": "https://example.com/",
    "show_in_profile": True,
    "metadata": "{}",  # text, as it is stored
}


@pytest.mark.parametrize("provider", ["facebook", *providers.OF_NAMED])
@pytest.mark.parametrize("detail", providers.UNSET)
def test_a_provider_has_the_details_of_the_schemas_table_and_no_others(
    connection: sa.Connection, provider: str, detail: str
) -> None:
    row = ASSOCIATION | {"provider": provider, detail: SAYING[detail]}
    if detail in providers.details_of(provider):
        insert(connection, row)
    else:
        assert detail in broken(connection, row).replace("not_in_profile", "show_in_profile")
