"""POST …/transfer/: from one user to another."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from service.store import admins
from tests.api import openapi
from tests.support import stored
from tests.support.databases import ON_ONE
from tests.support.factories import PATH, as_admin, as_user, errors_of, external, facebook, path_of

TRANSFER = f"{path_of(7)}transfer/"
DOCUMENTED = f"{openapi.SECOND}transfer/"
FB_1 = {"provider": "facebook", "ext_id": "fb-1"}
ONE: dict[str, Any] = {"to_user_id": 9, **FB_1}
ALL = {"to_user_id": 9, "all": True}


def link(client: FlaskClient, body: dict[str, Any]) -> Any:
    answer = client.post(PATH, json=body, headers=as_admin())
    assert answer.status_code == 201
    return answer.get_json()


def transfer(client: FlaskClient, body: Any, path: str = TRANSFER) -> TestResponse:
    return client.post(path, json=body, headers=as_admin())


def held(client: FlaskClient, user_id: int) -> Any:
    return client.get(path_of(user_id), headers=as_admin()).get_json()


def events(client: FlaskClient) -> list[Any]:
    return list(client.get(f"{PATH}events/", headers=as_admin()).get_json()["events"])


def test_a_pair_goes_to_another_user(client: FlaskClient) -> None:
    before = link(client, external(metadata={"a": [1, "é"]}))
    other = link(client, facebook())
    answer = transfer(client, {"to_user_id": 9, "provider": "external", "ext_id": "ex-1"})
    after = [before | {"user_id": 9}]
    assert (answer.status_code, answer.get_json()) == (200, after)
    assert (held(client, 7), held(client, 9)) == ([other], after)


def test_all_go_in_the_order_of_the_list(client: FlaskClient) -> None:
    bodies = [facebook(ext_id="z"), external(metadata={"a": 1}), facebook(show_in_profile=True)]
    before = [link(client, body) for body in bodies]
    theirs = link(client, facebook(user_id=8, ext_id="theirs"))
    answer = transfer(client, ALL)
    after = [one | {"user_id": 9} for one in before]
    assert (answer.status_code, answer.get_json()) == (200, after)
    assert (held(client, 7), held(client, 8), held(client, 9)) == ([], [theirs], after)


@pytest.mark.parametrize("body", [ONE, ALL])
def test_all_but_the_user_and_the_time_of_the_change_stays(
    app: Flask, client: FlaskClient, body: Any
) -> None:
    url = "https://example.com/"
    client.post(PATH, json=facebook(profile_url=url, show_in_profile=True), headers=as_user(7))
    with app.app_context():
        before = stored.row()
    transfer(client, body)
    with app.app_context():
        after = stored.row()
    assert after.pop("updated_at") > before.pop("updated_at")
    assert after == before | {"user_id": 9}


def test_each_that_goes_is_an_event(client: FlaskClient) -> None:
    for number in range(3):
        link(client, facebook(ext_id=f"fb-{number}"))
    client.post(TRANSFER, json=ALL, headers=as_admin(1) | {"X-Request-ID": "req-1"})
    found = events(client)[3:]
    assert sorted(event["ext_id"] for event in found) == ["fb-0", "fb-1", "fb-2"]
    for event in found:
        assert (
            event.items()
            >= {
                "type": "association.transferred",
                "from_user_id": 7,
                "user_id": 9,
                "provider": "facebook",
                "actor_id": 1,
                "request_id": "req-1",
            }.items()
        )


@pytest.mark.parametrize("user_id", [7, 9])
def test_it_is_in_the_history_of_both_users(client: FlaskClient, user_id: int) -> None:
    link(client, facebook())
    transfer(client, ONE)
    history = client.get(f"{path_of(user_id)}history/", headers=as_user(user_id)).get_json()
    assert history["events"][0]["type"] == "association.transferred"


def test_a_pair_that_the_other_has_already_is_answered_and_no_event(client: FlaskClient) -> None:
    link(client, facebook(show_in_profile=True))
    first = transfer(client, ONE)
    again = transfer(client, ONE)
    assert (again.status_code, again.data) == (200, first.data)
    assert len(events(client)) == 2


def test_all_of_nothing_is_an_empty_list_and_no_event(client: FlaskClient) -> None:
    link(client, facebook())
    transfer(client, ALL)
    again = transfer(client, ALL)
    assert (again.status_code, again.get_json()) == (200, [])
    assert len(events(client)) == 2


@pytest.mark.parametrize("existing", [{}, {"user_id": 8}, {"ext_id": "FB-1"}])
def test_a_pair_of_neither_is_404_whoever_else_has_it(
    client: FlaskClient, existing: dict[str, Any]
) -> None:
    if existing:
        link(client, facebook(**existing))
    answer = transfer(client, ONE)
    assert (answer.status_code, errors_of(answer)) == (404, {None: "not_found"})
    assert "Neither user" in answer.get_json()["detail"]
    assert len(events(client)) == len(existing)


# the cap


@pytest.fixture
def capped(make_app: Callable[..., Flask]) -> FlaskClient:
    """User 7 has three, user 9 has one, and three are as many as one may have."""
    client = make_app(MAX_ASSOCIATIONS_PER_USER="3").test_client()
    for number in range(3):
        link(client, facebook(ext_id=f"fb-{number}"))
    link(client, facebook(user_id=9, ext_id="theirs"))
    return client


def test_all_up_to_the_cap_go(capped: FlaskClient) -> None:
    capped.delete(PATH, json=facebook(ext_id="fb-2"), headers=as_user(7))
    assert transfer(capped, ALL).status_code == 200
    assert len(held(capped, 9)) == 3


def test_over_the_cap_none_go(capped: FlaskClient) -> None:
    answer = transfer(capped, ALL)
    assert (answer.status_code, errors_of(answer)) == (409, {None: "limit"})
    assert (len(held(capped, 7)), len(held(capped, 9))) == (3, 1)
    assert {event["type"] for event in events(capped)} == {"association.created"}


def test_one_by_one_they_go_up_to_the_cap(capped: FlaskClient) -> None:
    statuses = [
        transfer(capped, ONE | {"ext_id": f"fb-{number}"}).status_code for number in range(3)
    ]
    assert statuses == [200, 200, 409]
    assert (len(held(capped, 7)), len(held(capped, 9))) == (1, 3)


@pytest.mark.parametrize("kept", [1, 0])
def test_a_repetition_is_answered_also_at_the_cap(capped: FlaskClient, kept: int) -> None:
    for number in range(2):
        transfer(capped, ONE | {"ext_id": f"fb-{number}"})
    assert transfer(capped, ONE).status_code == 200
    capped.delete(PATH, json=facebook(ext_id="fb-2"), headers=as_user(7))
    assert transfer(capped, ALL).status_code == 200


def test_a_pair_of_neither_is_404_also_at_the_cap(capped: FlaskClient) -> None:
    """Nothing would go, so nobody would have too many."""
    for number in range(2):
        transfer(capped, ONE | {"ext_id": f"fb-{number}"})
    assert transfer(capped, ONE | {"ext_id": "nobody's"}).status_code == 404


def test_from_a_user_over_the_cap_one_goes(make_app: Callable[..., Flask]) -> None:
    client = make_app(MAX_ASSOCIATIONS_PER_USER="1").test_client()
    with make_app().app_context():
        for number in range(2):
            stored.link(ext_id=f"fb-{number}")
    assert transfer(client, ONE).status_code == 200


# what may be sent


@ON_ONE
@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"to_user_id": "required", "provider": "required", "ext_id": "required"}),
        ({"to_user_id": 9}, {"provider": "required", "ext_id": "required"}),
        ({"to_user_id": 9, "all": False}, {"provider": "required", "ext_id": "required"}),
        ({"to_user_id": 9, "provider": "facebook"}, {"ext_id": "required"}),
        ({"to_user_id": 9, "ext_id": "fb-1", "all": False}, {"provider": "required"}),
        (ONE | {"all": True}, {"all": "invalid"}),
        (ALL | {"ext_id": "fb-1"}, {"all": "invalid"}),
        (
            ALL | {"provider": "P", "ext_id": None},
            dict.fromkeys(["provider", "all"], "invalid") | {"ext_id": "null"},
        ),
        (ALL | {"all": 1}, {"all": "invalid"}),
        (ALL | {"all": "true"}, {"all": "invalid"}),
        (ALL | {"all": None}, {"all": "null"}),
        (ONE | {"all": "false"}, {"all": "invalid"}),
        (ONE | {"to_user_id": 7}, {"to_user_id": "invalid"}),
        (ALL | {"to_user_id": "7"}, {"to_user_id": "invalid"}),
        (ALL | {"to_user_id": 0}, {"to_user_id": "invalid"}),
        (ALL | {"to_user_id": None}, {"to_user_id": "null"}),
        (ALL | {"user_id": 8}, {"user_id": "mismatch"}),
        (ALL | {"from_user_id": 7}, {"from_user_id": "unknown"}),
        (ONE | {"provider": "External"}, {"provider": "invalid"}),
        (
            {"to_user_id": 7, "all": "x", "provider": "P", "ext_id": " ", "more": 1},
            dict.fromkeys(["to_user_id", "all", "provider", "ext_id"], "invalid")
            | {"more": "unknown"},
        ),
        ([], {None: "invalid"}),
    ],
)
def test_it_refuses(client: FlaskClient, body: Any, errors: dict[str | None, str]) -> None:
    answer = transfer(client, body)
    assert (answer.status_code, errors_of(answer)) == (400, errors)


@ON_ONE
@pytest.mark.parametrize(
    "body",
    [
        ONE | {"all": False},
        ONE | {"user_id": "7", "to_user_id": "9"},
        ALL | {"user_id": 7},
        ONE | {"ext_id": 5},
    ],
)
def test_it_takes_what_means_the_same(client: FlaskClient, body: Any) -> None:
    link(client, facebook(ext_id=body.get("ext_id", "fb-1")))
    assert len(transfer(client, body).get_json()) == 1


@ON_ONE
def test_the_link_of_a_provider_that_may_be_linked_no_more_goes_too(
    make_app: Callable[..., Flask],
) -> None:
    link(make_app().test_client(), facebook())
    assert transfer(make_app(PROVIDERS="google").test_client(), ONE).status_code == 200


DESCRIBED = [
    (ONE, True),
    (ALL, True),
    (ONE | {"all": False}, True),
    (ONE | {"user_id": "7", "to_user_id": "9", "ext_id": 5}, True),
    (ONE | {"all": True}, False),
    (ALL | {"provider": "facebook"}, False),
    (ALL | {"all": False}, False),
    (ALL | {"all": 1}, False),
    (ALL | {"more": 1}, False),
    (ONE | {"more": 1}, False),
    ({"to_user_id": 9, "provider": "facebook"}, False),
    ({"all": True}, False),
]


@ON_ONE
@pytest.mark.parametrize(("body", "expected"), DESCRIBED)
def test_a_transfer_is_described_as_it_is_treated(
    client: FlaskClient, body: Any, expected: bool
) -> None:
    link(client, facebook(ext_id=body.get("ext_id", "fb-1")))
    document = openapi.read(client)
    described = document.accepts(document.body(DOCUMENTED, "post")["schema"], body)
    assert (transfer(client, body).status_code, described) == (200 if expected else 400, expected)


@ON_ONE
def test_the_examples_of_a_transfer_are_accepted(client: FlaskClient) -> None:
    document = openapi.read(client)
    shown = document.examples(document.body(DOCUMENTED, "post"))
    assert ["all" in body for body in shown] == [False, True]
    link(client, facebook(ext_id=shown[0]["ext_id"]))
    link(client, facebook())
    assert [len(transfer(client, body).get_json()) for body in shown] == [1, 1]


@ON_ONE
def test_what_a_transfer_answers_is_described(client: FlaskClient) -> None:
    link(client, facebook())
    link(client, external(metadata={"a": 1}))
    document = openapi.read(client)
    schema = document.response(DOCUMENTED, "post", "200")
    assert document.accepts(schema, transfer(client, ALL).get_json())


@ON_ONE
@pytest.mark.parametrize(("status", "words"), [("404", "Neither user"), ("409", "to have it")])
def test_its_refusals_are_described_as_its_own(
    client: FlaskClient, status: str, words: str
) -> None:
    document = openapi.read(client)
    response = document.whole(document.operation(DOCUMENTED, "post")["responses"][status])
    assert words in response["description"]


# who may


@ON_ONE
@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "not_authenticated"),
        (as_user(7), 403, "permission_denied"),
        (as_user(9), 403, "permission_denied"),
    ],
)
@pytest.mark.parametrize("body", [ONE, {}])
def test_only_admins_may_and_that_comes_before_what_is_sent(
    client: FlaskClient, headers: dict[str, str], status: int, code: str, body: Any
) -> None:
    answer = client.post(TRANSFER, json=body, headers=headers)
    assert (answer.status_code, errors_of(answer)) == (status, {None: code})


@pytest.mark.parametrize("admin", [1, 7, 9])
def test_an_admin_by_grant_may_whoever_it_concerns(
    app: Flask, client: FlaskClient, admin: int
) -> None:
    link(client, facebook())
    with app.app_context():
        admins.grant(admin)
    assert client.post(TRANSFER, json=ONE, headers=as_user(admin)).status_code == 200
    with app.app_context():
        admins.revoke(admin)
    assert client.post(TRANSFER, json=ONE, headers=as_user(admin)).status_code == 403


@ON_ONE
@pytest.mark.parametrize("path", [TRANSFER, TRANSFER[:-1]])
def test_it_is_post_alone(client: FlaskClient, path: str) -> None:
    assert transfer(client, ALL, path).status_code == 200
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = client.open(path, method=method)
        assert answer.status_code == 405
        assert {*answer.headers["Allow"].split(", ")} == {"POST", "OPTIONS"}


@ON_ONE
@pytest.mark.parametrize("user_id", ["0", "07", 2**63, "x"])
def test_a_path_whose_user_can_not_exist_is_404(client: FlaskClient, user_id: object) -> None:
    assert transfer(client, ALL, f"{path_of(user_id)}transfer/").status_code == 404
