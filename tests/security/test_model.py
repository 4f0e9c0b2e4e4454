"""Object-level authorization: the service against a reference, over random sequences of calls.

Some hundred steps a database by default; `MODEL_STEPS=10000` asks for as many.
"""

import operator
import os
from collections.abc import Callable, Collection
from functools import cache
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from werkzeug.test import TestResponse

from service.store import admins
from tests.security.reference import Call, Caller, Reference, canonical
from tests.support import databases, factories, stored
from tests.support.databases import ON_SQLITE

STEPS = int(os.environ.get("MODEL_STEPS", "400"))
STEPS_A_RUN = 50
CAP = 4

ANONYMOUS = Caller("anonymous", None)
CALLERS = [
    ANONYMOUS,
    Caller("user 7", 7),
    Caller("user 8", 8),
    Caller("admin", 1, has_admin_role=True),
    Caller("forger", 7, is_forged=True),
]

some_caller = st.sampled_from(CALLERS[1:4] * 3 + CALLERS)
some_user = st.sampled_from([7, 8, 7, 8, 1, 9])
some_provider = st.sampled_from(["facebook", "google", "external"])
some_ext_id = st.sampled_from(["a", "b", "B"])
some_detail: dict[str, st.SearchStrategy[Any]] = {
    "profile_url": st.sampled_from([None, "https://a.example/", "http://b.example/?x=1"]),
    "show_in_profile": st.booleans(),
    "metadata": st.sampled_from([None, {}, {"n": 1}, {"n": 1.0}, {"n": True}, {"l": [{}]}]),
}
ODDITIES = [{"show_in_profile": None}, {"show_in_profile": "true"}, {"created_by": 8}]
ODDITIES += [{"provider": "External"}, {"ext_id": " a"}]


@st.composite
def path_and_named(draw: st.DrawFn) -> tuple[int | None, dict[str, Any]]:
    """Where the user is named: in the path, in the fields, in both, or wrongly."""
    user_id = draw(some_user)
    way = draw(st.sampled_from(["path", "fields", "path", "fields", "both", "neither", "clash"]))
    named = {
        "path": (user_id, {}),
        "fields": (None, {"user_id": user_id}),
        "both": (user_id, {"user_id": user_id}),
        "neither": (None, {}),
        "clash": (user_id, {"user_id": 15 - user_id}),
    }
    return named[way]


@st.composite
def write(draw: st.DrawFn, method: str) -> Call:
    path_user, fields = draw(path_and_named())
    fields |= {"provider": draw(some_provider), "ext_id": draw(some_ext_id)}
    is_external = fields["provider"] == "external"
    for name, values in some_detail.items():
        chances = 1 if (name == "metadata") != is_external else 3
        if draw(st.integers(0, 5)) < chances:
            fields[name] = draw(values)
    if draw(st.integers(0, 9)) == 0:
        fields |= draw(st.sampled_from(ODDITIES))
    return Call(method, path_user, fields)


@st.composite
def removal(draw: st.DrawFn) -> Call:
    call = draw(write("DELETE"))
    assert call.body is not None
    if draw(st.booleans()):
        return call
    named = ("user_id", "provider", "ext_id")
    return Call("DELETE", call.path_user, query={n: call.body[n] for n in named if n in call.body})


@st.composite
def question(draw: st.DrawFn) -> Call:
    kinds = ["path", "query", "query", "own", "pair", "pair", "half", "mixed", "path and query"]
    kind = draw(st.sampled_from(kinds))
    user_id = {"user_id": draw(some_user)}
    provider, ext_id = {"provider": draw(some_provider)}, {"ext_id": draw(some_ext_id)}
    if kind.startswith("path"):
        return Call("GET", user_id["user_id"], query=user_id if kind != "path" else {})
    queries: dict[str, dict[str, Any]] = {
        "query": user_id,
        "own": {},
        "pair": provider | ext_id,
        "half": draw(st.sampled_from([provider, ext_id])),
        "mixed": provider | ext_id | user_id,
    }
    return Call("GET", query=queries[kind])


class Service(RuleBasedStateMachine):
    """Each step asks the service and the reference the same."""

    steps = 0

    def __init__(self, app: Flask) -> None:
        super().__init__()
        self.app = app
        self.client: FlaskClient = app.test_client()
        self.reference = Reference(CAP)
        self.refusals: dict[tuple[int, str], bytes] = {}
        with app.app_context():
            databases.empty()

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
            assert canonical(answered) == canonical(expected)
            return
        assert factories.errors_of(response) == expected
        if status != 400:
            # Whatever the reason: for these the body must not differ.
            same = self.refusals.setdefault((status, str(expected)), response.data)
            assert response.data == same

    def send(self, caller: Caller, call: Call) -> TestResponse:
        headers = {}
        if caller is not ANONYMOUS:
            role = {"role": "admin"} if caller.has_admin_role else {}
            secret = "x" * 32 if caller.is_forged else factories.SECRET
            headers = factories.as_user(caller.user_id, secret=secret, **role)
        named = call.path_user is not None
        return self.client.open(
            factories.path_of(call.path_user) if named else factories.PATH,
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


def test_every_sequence_of_calls_is_answered_as_the_reference_does(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(MAX_ASSOCIATIONS_PER_USER=str(CAP))
    Service.steps = 0
    while Service.steps < STEPS:  # a sequence may be shorter than asked for
        compare(app, STEPS - Service.steps)
    print(f"{Service.steps} calls compared")


LONG = pytest.mark.skipif(STEPS < 5000, reason="takes a while: MODEL_STEPS=10000")
ALWAYS, NEVER = (lambda *_: True), (lambda *_: False)
DEFECTS = [
    pytest.param("service.views.associations.may_manage", ALWAYS, id="anybody manages"),
    pytest.param("service.policy.may_manage", ALWAYS, id="anybody manages, by the path"),
    pytest.param("service.policy.is_for_admins", ALWAYS, id="anybody looks up", marks=LONG),
    pytest.param("service.store.admins.is_granted", NEVER, id="nobody is granted the role"),
    pytest.param("service.store.admins.is_granted", cache(ALWAYS), id="grants are for ever"),
    pytest.param("service.views.associations.sees_hidden", ALWAYS, id="all is seen", marks=LONG),
    pytest.param("service.store.associations.is_same", operator.eq, id="true is 1", marks=LONG),
]


@pytest.mark.parametrize(("name", "defect"), DEFECTS)
@ON_SQLITE
def test_the_comparison_sees_a_planted_defect(
    make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch, name: str, defect: Any
) -> None:
    monkeypatch.setattr(name, defect)
    app = make_app(MAX_ASSOCIATIONS_PER_USER=str(CAP))
    with pytest.raises(AssertionError):
        compare(app, 10_000, [Phase.generate])


@LONG
@ON_SQLITE
def test_the_comparison_sees_another_cap(make_app: Callable[..., Flask]) -> None:
    app = make_app(MAX_ASSOCIATIONS_PER_USER=str(CAP + 1))
    with pytest.raises(AssertionError):
        compare(app, 10_000, [Phase.generate])
