"""Object-level authorization: the service against a reference, over random sequences of calls.

Some hundred steps a database by default; `MODEL_STEPS=10000` asks for as many.
"""

import operator
import os
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from werkzeug.test import TestResponse

from service.store import admins
from tests.security.calls import (
    ANONYMOUS,
    CALLERS,
    erasure,
    look_up,
    question,
    removal,
    search,
    some_admin,
    some_caller,
    some_detail,
    some_pairs,
    transfer,
    write,
)
from tests.security.reference import Call, Caller, canonical
from tests.security.reference_for_admins import WholeReference
from tests.support import databases, factories, stored
from tests.support.databases import ON_SQLITE

STEPS = int(os.environ.get("MODEL_STEPS", "400"))
STEPS_A_RUN = 50
CAP = 4
BY_ADMIN = "google"


class Service(RuleBasedStateMachine):
    """Each step asks the service and the reference the same."""

    steps = 0

    def __init__(self, app: Flask) -> None:
        super().__init__()
        self.app = app
        self.client: FlaskClient = app.test_client()
        self.reference = WholeReference(CAP, frozenset({BY_ADMIN}))
        self.refusals: dict[tuple[int, str], bytes] = {}
        with app.app_context():
            databases.empty()

    @initialize(pairs=some_pairs)
    def begin_with_some(self, pairs: list[tuple[str, str]]) -> None:
        """Else most calls would find nothing to change."""
        for user_id, (provider, ext_id) in zip([7, 8, 7, 8, 7, 8], pairs, strict=False):
            fields = {"provider": provider, "ext_id": ext_id}
            self.compare(CALLERS[3], Call("POST", user_id, fields))

    @rule(caller=some_caller, call=write("POST"))
    def create(self, caller: Caller, call: Call) -> None:
        self.compare(caller, call)

    @rule(caller=some_caller, call=write("POST"))
    def create_and_repeat(self, caller: Caller, call: Call) -> None:
        self.compare(caller, call)
        self.compare(caller, call)

    @rule(values=st.tuples(*[some_detail["metadata"]] * 2))
    def create_and_vary(self, values: tuple[Any, Any]) -> None:
        for metadata in values:
            fields = {"provider": "external", "ext_id": "b", "metadata": metadata}
            self.compare(CALLERS[1], Call("POST", 7, fields))

    @rule(caller=some_caller, call=write("PATCH"))
    def change(self, caller: Caller, call: Call) -> None:
        self.compare(caller, call)

    @rule(caller=some_caller, call=removal())
    def delete(self, caller: Caller, call: Call) -> None:
        self.compare(caller, call)

    @rule(caller=some_caller, call=question())
    def find(self, caller: Caller, call: Call) -> None:
        self.compare(caller, call)

    @rule(caller=some_admin, call=transfer())
    def move(self, caller: Caller, call: Call) -> None:
        self.compare(caller, call)

    @rule(caller=some_admin, call=transfer())
    def move_and_repeat(self, caller: Caller, call: Call) -> None:
        self.compare(caller, call)
        self.compare(caller, call)

    @rule(caller=some_admin, call=erasure())
    def erase(self, caller: Caller, call: Call) -> None:
        self.compare(caller, call)

    @rule(caller=some_admin, call=look_up())
    def look_up_many(self, caller: Caller, call: Call) -> None:
        self.compare(caller, call)

    @rule(caller=some_admin, call=search())
    def page_through(self, caller: Caller, call: Call) -> None:
        self.compare(caller, call)

    @rule(user_id=st.sampled_from([7, 8]), give=st.booleans())
    def grant_or_revoke(self, user_id: int, give: bool) -> None:
        with self.app.app_context():
            if give:
                admins.grant(user_id)
                self.reference.granted.add(user_id)
            else:
                admins.revoke(user_id)
                self.reference.granted.discard(user_id)

    @invariant()
    def holds_what_the_reference_holds(self) -> None:
        with self.app.app_context():
            rows = stored.rows()
        for row in rows:
            del row["created_at"], row["updated_at"]
        assert canonical(rows) == canonical(self.reference.table())

    def compare(self, caller: Caller, call: Call) -> None:
        type(self).steps += 1
        response = self.send(caller, call)
        status, expected = self.reference.answer(caller, call)
        assert response.status_code == status, response.get_data(as_text=True)
        if status < 400:
            answered = response.get_json() if response.data else None
            if call.action in ("lookup", "search"):
                self.complete(caller, call, answered)
            assert canonical(answered) == canonical(expected)
            return
        assert factories.errors_of(response) == expected
        if status != 400:
            # Whatever the reason: for these the body must not differ.
            key = status, f"{call.action} {expected}"
            same = self.refusals.setdefault(key, response.data)
            assert response.data == same

    def complete(self, caller: Caller, call: Call, answered: Any) -> None:
        """Add what is on later pages; leave out the times, which nobody foresees."""
        while cursor := answered.get("next_cursor"):
            page = self.send(caller, replace(call, query=call.query | {"cursor": cursor}))
            answered["next_cursor"] = page.get_json()["next_cursor"]
            answered["associations"] += page.get_json()["associations"]
        for one in answered["associations"]:
            del one["created_at"], one["updated_at"]

    def send(self, caller: Caller, call: Call) -> TestResponse:
        headers = {}
        if caller is not ANONYMOUS:
            role = {"role": "admin"} if caller.has_admin_role else {}
            secret = "x" * 32 if caller.is_forged else factories.SECRET
            headers = factories.as_user(caller.user_id, secret=secret, **role)
        named = call.path_user is not None
        path = factories.path_of(call.path_user) if named else factories.PATH
        return self.client.open(
            f"{path}{call.action}",
            method=call.method,
            headers=headers,
            json=call.body,
            query_string=call.query,
        )


def compare(app: Flask, steps: int, phases: Collection[Phase] = tuple(Phase)) -> None:
    run_state_machine_as_test(
        lambda: Service(app),  # type: ignore[arg-type]
        settings=settings(
            max_examples=-(-steps // STEPS_A_RUN),
            stateful_step_count=STEPS_A_RUN,
            deadline=None,
            database=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


def limited(make_app: Callable[..., Flask], cap: int = CAP) -> Flask:
    return make_app(MAX_ASSOCIATIONS_PER_USER=str(cap), PROVIDERS_BY_ADMIN=BY_ADMIN)


def test_every_sequence_of_calls_is_answered_as_the_reference_does(
    make_app: Callable[..., Flask],
) -> None:
    app = limited(make_app)
    Service.steps = 0
    while Service.steps < STEPS:  # a sequence may be shorter than asked for
        compare(app, STEPS - Service.steps)
    print(f"{Service.steps} calls compared")


LONG = pytest.mark.skipif(STEPS < 5000, reason="takes a while: MODEL_STEPS=10000")
ALWAYS, NEVER = (lambda *_: True), (lambda *_: False)
DEFECTS = [
    pytest.param("service.views.associations.authorize", ALWAYS, id="anybody manages"),
    pytest.param("service.policy.may_manage", ALWAYS, id="anybody manages, by the path"),
    pytest.param("service.policy.is_for_admins", ALWAYS, id="anybody looks up", marks=LONG),
    pytest.param("service.store.admins.is_granted", NEVER, id="nobody is granted the role"),
    pytest.param("service.store.admins.is_granted", cache(ALWAYS), id="grants are for ever"),
    pytest.param("service.views.associations.sees_hidden", ALWAYS, id="all is seen", marks=LONG),
    pytest.param(
        "service.views.associations.may_link_at", lambda *_: ALWAYS, id="anybody links", marks=LONG
    ),
    pytest.param(
        "service.store.transfers._place",
        operator.attrgetter("ext_id"),
        id="in another order",
        marks=LONG,
    ),
    pytest.param("service.store.sameness.is_same", operator.eq, id="true is 1", marks=LONG),
]


@pytest.mark.parametrize(("name", "defect"), DEFECTS)
@ON_SQLITE
def test_the_comparison_sees_a_planted_defect(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch, name: str, defect: Any
) -> None:
    monkeypatch.setattr(name, defect)
    app = limited(make_app)
    with pytest.raises(AssertionError):
        compare(app, 10_000, [Phase.generate])


@LONG
@ON_SQLITE
def test_the_comparison_sees_another_cap(make_app: Callable[..., Flask]) -> None:
    app = limited(make_app, CAP + 1)
    with pytest.raises(AssertionError):
        compare(app, 10_000, [Phase.generate])
