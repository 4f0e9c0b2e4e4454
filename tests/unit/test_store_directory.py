"""How a search goes about it: one statement, by an index, and little work wherever it begins."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest
import sqlalchemy as sa
from flask import Flask

from service.database import db
from service.store import directory
from tests.support.databases import ON_POSTGRESQL, ON_SQLITE, watching
from tests.support.plans import nodes, plans_of
from tests.support.stored import TABLE, association

BY_PAIR, BY_MAKER = "pk_social_association", "ix_social_association_created_by"
BY_USER = "ix_social_association_user_id"
IMPORTER, RARE, NOBODY, ITSELF = 1000, 2000, 3000, 7
LIMIT = 11
EACH = 10  # associations of each user
COUNT = 4_000


def provider(number: int) -> str:
    """Two with many, the later one's made by the importer; a last one with a few."""
    if number >= COUNT - 8:
        return "zoho"
    return "facebook" if number < COUNT // 2 else "keycloak"


def maker(number: int, user_id: int) -> int:
    if number % 500 == 1:
        return RARE
    return IMPORTER if provider(number) == "keycloak" else user_id


@pytest.fixture(autouse=True)
def many(app: Flask) -> Iterator[None]:
    """In the table's order they lie by provider, as after an import."""
    when = datetime(2026, 1, 2, tzinfo=UTC)
    values = []
    for number in range(COUNT):
        user_id = 1 + number % (COUNT // EACH)
        made = {"created_at": when, "updated_at": when, "created_by": maker(number, user_id)}
        pair = {"provider": provider(number), "ext_id": f"{number:05}", "user_id": user_id}
        values.append(association(**pair, **made))
    with app.app_context():
        with db.engine.connect() as connection:
            connection.execute(sa.text("BEGIN"))
            for first in range(0, COUNT, 250):  # each in its time, on a busy machine too
                connection.execute(sa.insert(TABLE), values[first : first + 250])
            connection.execute(sa.text("COMMIT"))
            connection.execute(sa.text("ANALYZE"))
        yield


FILTERS = [
    (at, by)
    for at in (None, "facebook", "keycloak")
    for by in (None, IMPORTER, RARE, NOBODY, ITSELF)
]
PLACES = [("", ""), ("facebook", "01000"), ("facebook", "01999"), ("keycloak", "02005"),
          ("keycloak", "03985"), ("zoho", "03995"), ("zzz", "")]  # fmt: skip
CASES = [(at, by, after) for at, by in FILTERS for after in PLACES]


def search_them_all() -> None:
    """None gives more than was asked for."""
    for at, by, after in CASES:
        assert len(directory.search(at, by, after=after, limit=LIMIT)) <= LIMIT


def test_a_search_is_one_statement_without_values_or_a_count() -> None:
    with watching() as seen:
        search_them_all()
    assert len(seen) == len(CASES)
    assert len(set(seen)) == 4
    assert not [one for one in seen if "facebook" in one or "1000" in one or "count(" in one]


@ON_POSTGRESQL
def test_on_postgresql_a_page_reads_little_more_than_it_shows() -> None:
    plans = plans_of("EXPLAIN (ANALYZE, FORMAT JSON, COSTS OFF, TIMING OFF)", search_them_all)
    for case, ((plan,),) in zip(CASES, plans, strict=True):
        found = list(nodes(plan[0]["Plan"]))
        scans = [node for node in found if node["Node Type"].endswith(" Scan")]
        assert "Seq Scan" not in {node["Node Type"] for node in scans}, case
        # Of the table itself: what was found by an index alone may be gone long since.
        read = [node for node in scans if node["Node Type"] in ("Index Scan", "Bitmap Heap Scan")]
        rows = sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in read)
        assert rows <= 2 * LIMIT + EACH, case
        _, by, _ = case
        indexes = {node["Index Name"] for node in scans if "Index Name" in node}
        assert indexes == ({BY_PAIR} if by is None else {BY_MAKER, BY_USER}), case
        assert "OFFSET" not in str(plan).upper()


@ON_SQLITE
def test_on_sqlite_a_page_begins_in_an_index_that_has_its_order() -> None:
    plans = plans_of("EXPLAIN QUERY PLAN", search_them_all)
    for (at, by, _), plan in zip(CASES, plans, strict=True):
        steps = [row[-1] for row in plan]
        steps = [step for step in steps if "VIRTUAL" not in step and not step.startswith("LIST")]
        looks = [step for step in steps if " social_association " in step]
        index, maker = ("sqlite_autoindex_social_association_1", "")
        if by is not None:
            index, maker = (BY_MAKER, "created_by=? AND ")
        expected = [f"{index} ({maker}provider=? AND ext_id>?)"]
        expected += [f"{index} ({maker}provider>?)"] if at is None else []
        expected += [f"{BY_USER} (user_id=?)"] if by is not None else []
        assert looks == [f"SEARCH social_association USING INDEX {one}" for one in expected]
        # What is sorted is what a look found, never on the way.
        assert not [
            step for look, step in pairwise(steps) if look in looks and step.startswith("USE")
        ]
