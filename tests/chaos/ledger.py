"""What a client was promised, held against the table."""

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field

import sqlalchemy as sa

from tests.chaos.report import Report
from tests.support.databases import postgresql, sqlite

PROVIDER = "chaos"
FIRST_URL = "https://example.com/0"
"""What each is created with; a change sets another one."""

State = tuple[int, str] | None
"""(user_id, profile_url) of an association, or None: there is none."""

QUERY = "SELECT ext_id, user_id, profile_url FROM social_association WHERE provider = 'chaos'"


@dataclass
class Ledger:
    """One client's associations. Only that client writes them, one request at a time."""

    may_be: dict[str, set[State]] = field(default_factory=dict)
    """ext_id -> its state; more than one while nobody acknowledged the last change."""
    sent: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(ext_id, method) -> how often it was asked for."""
    done: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(ext_id, method) -> how often it was acknowledged."""

    def asked(self, ext_id: str, state: State) -> None:
        self.may_be.setdefault(ext_id, {None}).add(state)

    def acknowledged(self, ext_id: str, method: str, state: State) -> None:
        self.may_be[ext_id] = {state}
        self.done[ext_id, method] += 1


def read_table(url: str) -> dict[str, State]:
    """What the database holds, read beside the service."""
    is_sqlite = sa.make_url(url).get_backend_name() == "sqlite"
    with closing(sqlite(url) if is_sqlite else postgresql(url)) as connection:
        rows = connection.execute(QUERY).fetchall()
    # The primary key forbids a second row of a pair; should it be gone, the ledger must see it.
    found: dict[str, State] = {}
    for ext_id, user_id, profile_url in rows:
        found[ext_id if ext_id not in found else f"{ext_id} once more"] = (user_id, profile_url)
    return found


def compare(ledgers: Iterable[Ledger], table: Mapping[str, State], report: Report) -> None:
    """Report what was acknowledged and is not so, and rows that nobody was told of."""
    expected: dict[str, set[State]] = {}
    for ledger in ledgers:
        expected |= ledger.may_be
    acknowledged = sum(len(states) == 1 for states in expected.values())
    lost = 0
    for ext_id, states in expected.items():
        found = table.get(ext_id)
        if found in states:
            continue
        told = f"{ext_id}: told {states}, found {found}"
        if found is None:
            lost += 1
            report.violate("acknowledged and lost", told)
        elif states == {None}:
            report.violate("acknowledged as deleted and still there", told)
        else:
            report.violate("acknowledged and something else stored", told)
    for ext_id in table.keys() - expected.keys():
        report.violate("stored without being asked for", f"{ext_id}: {table[ext_id]}")
    report.add(acknowledged=acknowledged, open=len(expected) - acknowledged, lost=lost)
