"""What stands in the log, line by line."""

import json
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support.databases import ON_BOTH, ON_ONE
from tests.support.factories import PATH, as_admin, as_user, external, facebook, path_of

pytestmark = ON_ONE

Lines = Callable[[], list[dict[str, Any]]]
ID = {"X-Request-ID": "an-id"}


@pytest.fixture
def lines(client: FlaskClient, capfd: pytest.CaptureFixture[str]) -> Lines:
    """Read the lines that were written since the last look."""
    capfd.readouterr()

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capfd.readouterr().err.splitlines()]

    return read


def requests(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == "request"]


def audits(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if "outcome" in line]


def test_a_request_is_one_line_with_these_members_and_no_other(
    client: FlaskClient, lines: Lines
) -> None:
    client.get("/healthz", headers=ID)
    (line,) = lines()
    assert set(line) == {
        "time",
        "level",
        "name",
        "event",
        "operation",
        "status",
        "duration_ms",
        "code",
        "request_id",
        "actor",
    }


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "expected"),
    [
        ("GET", "/healthz", None, {}, ("healthz", 200, None, None)),
        ("GET", path_of(7), None, {}, ("list", 200, None, None)),
        ("GET", PATH, None, as_user(7), ("list", 200, None, 7)),
        ("POST", PATH, facebook(), as_user(7), ("create", 201, None, 7)),
        ("POST", path_of(7), facebook(), as_user(7), ("create", 201, None, 7)),
        ("POST", PATH, facebook(), {}, ("create", 401, "not_authenticated", None)),
        ("POST", PATH, facebook(ext_id=None), as_user(7), ("create", 400, "null", 7)),
        ("POST", path_of(8), facebook(), as_user(7), ("create", 403, "permission_denied", 7)),
        ("DELETE", PATH, facebook(), as_user(7), ("delete", 404, "not_found", 7)),
        ("GET", "/nowhere", None, {}, ("none", 404, "not_found", None)),
    ],
)
def test_a_requests_line_says_what_was_asked_and_how_it_went(
    client: FlaskClient,
    lines: Lines,
    method: str,
    path: str,
    body: Any,
    headers: dict[str, str],
    expected: tuple[str, int, str | None, int | None],
) -> None:
    client.open(path, method=method, json=body, headers=headers | ID)
    (line,) = requests(lines())
    assert (line["operation"], line["status"], line["code"], line["actor"]) == expected
    assert line["request_id"] == "an-id"
    assert line["level"] == "INFO"
    assert 0 <= line["duration_ms"] < 5000


def test_a_new_request_id_is_the_one_of_the_response(client: FlaskClient, lines: Lines) -> None:
    response = client.get("/healthz")
    (line,) = lines()
    assert line["request_id"] == response.headers["X-Request-ID"]


def test_the_next_request_has_no_trace_of_the_one_before(client: FlaskClient, lines: Lines) -> None:
    client.get(path_of(8) + "?x=1", headers=as_user(7))
    client.get("/healthz")
    line = lines()[-1]
    assert (line["actor"], line["code"]) == (None, None)


# audit

LINKED = [
    ("POST", facebook(), as_user(7), "created", 7, 7, "facebook"),
    ("POST", external(), as_admin(1), "created", 1, 7, "external"),
    (
        "PATCH",
        facebook(ext_id="old", show_in_profile=True),
        as_user(7),
        "changed",
        7,
        7,
        "facebook",
    ),
    ("PATCH", facebook(ext_id="old", profile_url=None), as_admin(1), "changed", 1, 7, "facebook"),
    ("DELETE", facebook(ext_id="old"), as_user(7), "deleted", 7, 7, "facebook"),
    ("DELETE", facebook(ext_id="old"), as_admin(1), "deleted", 1, 7, "facebook"),
    ("POST", facebook(), as_user(8), "refused", 8, 7, "facebook"),
    ("PATCH", facebook(show_in_profile=True), as_user(8), "refused", 8, 7, "facebook"),
    ("DELETE", facebook(ext_id="old"), as_user(8), "refused", 8, 7, "facebook"),
]


@ON_BOTH
@pytest.mark.parametrize(
    ("method", "body", "headers", "outcome", "actor", "user_id", "provider"), LINKED
)
def test_every_change_and_every_refused_one_is_logged_with_who_and_whose(
    client: FlaskClient,
    lines: Lines,
    method: str,
    body: Any,
    headers: dict[str, str],
    outcome: str,
    actor: int,
    user_id: int,
    provider: str,
) -> None:
    client.post(PATH, json=facebook(ext_id="old"), headers=as_user(7))
    lines()
    client.open(PATH, method=method, json=body, headers=headers | ID)
    (line,) = audits(lines())
    assert (line["outcome"], line["user_id"], line["provider"]) == (outcome, user_id, provider)
    assert (line["actor"], line["request_id"]) == (actor, "an-id")
    assert (line["name"], line["level"]) == ("service.audit", "INFO")


@pytest.mark.parametrize("pair", [{"provider": "facebook", "ext_id": "old"}, {"all": True}])
def test_a_transfer_is_logged_with_both_users_and_its_repetition_is_not(
    client: FlaskClient, lines: Lines, pair: dict[str, Any]
) -> None:
    client.post(PATH, json=facebook(ext_id="old"), headers=as_user(7))
    lines()
    for _ in range(2):
        client.post(f"{path_of(7)}transfer/", json={"to_user_id": 9, **pair}, headers=as_admin(1))
    (line,) = audits(lines())
    assert (line["operation"], line["outcome"], line["actor"]) == ("transfer", "transferred", 1)
    logged = (line["user_id"], line["to_user_id"], line["provider"])
    assert logged == (7, 9, pair.get("provider"))


@pytest.mark.parametrize(
    ("path", "user_id"), [(path_of(7), 7), (f"{PATH}?provider=facebook&ext_id=old", None)]
)
def test_what_is_refused_by_the_path_or_the_query_is_logged_too(
    client: FlaskClient, lines: Lines, path: str, user_id: int | None
) -> None:
    method = "POST" if user_id else "GET"
    client.open(path, method=method, headers=as_user(8) | ID)
    (line,) = audits(lines())
    assert (line["outcome"], line["actor"], line["user_id"]) == ("refused", 8, user_id)
    assert (line["provider"], line["request_id"]) == (None, "an-id")


def test_a_refused_erasure_is_logged_with_whose_it_was(client: FlaskClient, lines: Lines) -> None:
    client.delete(f"{path_of(7)}all/", headers=as_user(8))
    (line,) = audits(lines())
    assert (line["outcome"], line["actor"], line["user_id"]) == ("refused", 8, 7)


@pytest.mark.parametrize(
    ("method", "body", "headers"),
    [
        ("POST", facebook(ext_id="old"), as_user(7)),
        ("POST", facebook(ext_id="old", show_in_profile=True), as_user(7)),
        ("POST", facebook(user_id=8, ext_id="old"), as_user(8)),
        ("POST", facebook(ext_id=""), as_user(7)),
        ("POST", facebook(), {}),
        ("PATCH", facebook(show_in_profile=True), as_user(7)),
        ("DELETE", facebook(), as_user(7)),
        ("GET", None, as_user(7)),
    ],
)
def test_what_changes_nothing_is_no_event(
    client: FlaskClient, lines: Lines, method: str, body: Any, headers: dict[str, str]
) -> None:
    client.post(PATH, json=facebook(ext_id="old"), headers=as_user(7))
    lines()
    client.open(PATH, method=method, json=body, headers=headers)
    assert audits(lines()) == []


# levels and lines


@ON_BOTH
def test_a_database_that_is_out_of_reach_is_a_warning(
    make_app: Callable[..., Flask], lines: Lines
) -> None:
    client = make_app(DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/x").test_client()
    client.get(path_of(7), headers=ID)
    (line,) = (line for line in lines() if line["event"] == "database unavailable")
    assert (line["level"], line["request_id"]) == ("WARNING", "an-id")
    assert line["reason"]


def test_a_bug_is_an_error_that_says_where(make_app: Callable[..., Flask], lines: Lines) -> None:
    def view() -> str:
        raise ZeroDivisionError

    app = make_app()
    app.add_url_rule("/bug", "bug", view)
    app.test_client().get("/bug", headers=ID)
    (line,) = (line for line in lines() if line["level"] == "ERROR")
    assert line["request_id"] == "an-id"
    assert "ZeroDivisionError" in json.dumps(line)
    assert "test_logs.py" in json.dumps(line)


def test_the_level_is_the_operators(make_app: Callable[..., Flask], lines: Lines) -> None:
    make_app(LOG_LEVEL="ERROR").test_client().get("/healthz")
    written = lines()
    make_app()  # the level is the whole process's
    assert requests(written) == []


@contextmanager
def standard_error_is_a_pipe() -> Iterator[int]:
    """As it is under most supervisors; gives the end to read from."""
    ours, theirs = os.pipe()
    before = os.dup(2)
    os.dup2(theirs, 2)
    os.close(theirs)
    try:
        yield ours
    finally:
        os.dup2(before, 2)
        os.close(before)


def test_a_log_that_nobody_reads_any_more_fails_no_request(client: FlaskClient) -> None:
    with standard_error_is_a_pipe() as ours:
        os.close(ours)
        assert client.get(path_of(7)).status_code == 200


def test_long_lines_of_parallel_requests_stay_whole(make_app: Callable[..., Flask]) -> None:
    """A pipe takes no more than 4 KiB at once, and the trace of a bug is longer."""

    def view(depth: int = 50) -> str:
        return deeper(depth - 1) if depth else str(1 / depth)

    def deeper(depth: int) -> str:
        return view(depth - 1)

    app = make_app()
    app.add_url_rule("/bug", "bug", view)
    received = bytearray()

    def read(end: int) -> None:
        time.sleep(0.2)  # the pipe fills up
        while data := os.read(end, 4_000):
            received.extend(data)

    def ask() -> None:
        client = app.test_client()
        for _ in range(10):
            client.get("/bug")

    with standard_error_is_a_pipe() as ours:
        reader = threading.Thread(target=read, args=[ours])
        reader.start()
        with ThreadPoolExecutor(8) as pool:
            for _ in range(8):
                pool.submit(ask)
    reader.join()
    os.close(ours)
    written = [json.loads(line) for line in received.decode().splitlines()]
    assert len(written) == 2 * 8 * 10


def test_the_reason_of_a_refused_token_is_in_the_request_s_line(
    client: FlaskClient, lines: Lines
) -> None:
    client.get(PATH, headers=as_user(7, token_type="refresh"))
    (line,) = requests(lines())
    assert (line["code"], line["reason"]) == ("invalid_token", "claim:token_type")


@pytest.mark.parametrize("header", ["Basic eDp5", "Bearer x", "a-secret"])
def test_of_a_header_without_a_token_nothing_is_in_the_line(
    client: FlaskClient, lines: Lines, header: str
) -> None:
    client.get(PATH, headers={"Authorization": header})
    (line,) = requests(lines())
    assert line["reason"] == "header"


def test_without_a_token_there_is_no_reason(client: FlaskClient, lines: Lines) -> None:
    client.post(PATH, json=facebook())
    (line,) = requests(lines())
    assert "reason" not in line


def test_as_text_a_line_is_for_people(
    make_app: Callable[..., Flask], capfd: pytest.CaptureFixture[str]
) -> None:
    client = make_app(LOG_FORMAT="text").test_client()
    capfd.readouterr()
    client.post(PATH, json=facebook(), headers=as_user(7) | ID)
    (line,) = capfd.readouterr().err.splitlines()
    make_app()  # the form is the whole process's
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d INFO    request name=service.audit operation=create status=201 .*"
        r"outcome=created user_id=7 provider=facebook request_id=an-id actor=7",
        line,
    )


def test_as_text_a_line_break_is_no_new_line(
    make_app: Callable[..., Flask], capfd: pytest.CaptureFixture[str]
) -> None:
    make_app(LOG_FORMAT="text")
    capfd.readouterr()
    logging.getLogger("service").warning("a\nb", extra={"reason": "c\r\x1b[31m\u2028é"})
    written = capfd.readouterr().err
    make_app()
    assert written.endswith("WARNING a\\nb name=service reason=c\\r\\x1b[31m\\u2028é\n")
    assert len(written.splitlines()) == 1
