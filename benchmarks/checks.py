"""A contestant must do the work before it is measured: a few requests with known answers."""

import json
import time
import uuid
from typing import Any

from benchmarks.postgres import FIRST_USER, PER_USER, SECRET
from tests.support import tokens
from tests.support.http import exchange, request

CREATE = "/api/v2/user/provider/"


def token(user_id: int, *, lifetime: int = 80_000, **changes: str) -> str:
    now = int(time.time())
    return tokens.token(user_id, secret=SECRET, iat=now - 60, exp=now + lifetime, **changes)


def list_path(user_id: int) -> str:
    return f"/api/v2/user/{user_id}/provider/"


def ask(
    port: int, method: str, path: str, bearer: str | None = None, body: object = None
) -> tuple[int, Any]:
    """One request on a connection of its own: the status and the answer, parsed if JSON."""
    headers = tokens.bearer(bearer) if bearer else {}
    sent = b"" if body is None else json.dumps(body).encode()
    answer = exchange(port, request(method, path, sent, headers=headers))
    try:
        return answer.status, answer.json()
    except ValueError:
        return answer.status, answer.body.decode(errors="replace")


def answers(port: int) -> bool:
    """Whether somebody serves there yet, whatever the answer is."""
    try:
        ask(port, "GET", list_path(FIRST_USER), token(FIRST_USER))
    except (OSError, AssertionError):
        return False
    return True


def does_the_work(name: str, port: int) -> None:
    """Raises: SystemExit, which names the request, when an answer is not the agreed one."""
    mine, other = FIRST_USER, FIRST_USER + 1
    social = {
        "user_id": mine,
        "provider": "facebook",
        "ext_id": uuid.uuid4().hex,
        "profile_url": "https://www.facebook.com/a",
        "show_in_profile": True,
    }
    external = {
        "user_id": mine,
        "provider": "external",
        "ext_id": uuid.uuid4().hex,
        "metadata": {"seats": 3},
    }
    taken = {"user_id": other, "provider": "external", "ext_id": external["ext_id"]}
    good, late = token(mine), token(mine, lifetime=-20)
    # FastAPI says 422 where the others say 400, and both may stand for a missing token's 401.
    invalid, unauthorized = {400, 422}, {401, 403}
    cases: list[tuple[str, object, str | None, set[int], object]] = [
        ("POST", social, good, {201}, social),
        ("POST", external, good, {201}, external),
        ("POST", taken, token(other), {409}, ...),
        ("POST", taken, good, {403}, ...),
        ("POST", external, late, {401}, ...),
        ("POST", external, None, unauthorized, ...),
        ("POST", external | {"show_in_profile": True}, good, invalid, ...),
        ("POST", external | {"profile_url": "https://a.example/"}, good, invalid, ...),
        ("POST", social | {"metadata": {"seats": 3}}, good, invalid, ...),
        ("POST", social | {"provider": "-"}, good, invalid, ...),
        ("POST", social | {"ext_id": ""}, good, invalid, ...),
        ("POST", social | {"profile_url": "javascript:alert()"}, good, invalid, ...),
        ("GET", None, late, {401}, ...),
    ]
    for method, body, bearer, statuses, wanted in cases:
        path = CREATE if method == "POST" else list_path(mine)
        status, answer = ask(port, method, path, bearer, body)
        if status not in statuses or (wanted is not ... and answer != wanted):
            raise SystemExit(f"{name} answered {method} {body} with {status} {answer}.")
    status, answer = ask(port, "GET", list_path(other), token(other))
    if status != 200 or len(answer) != PER_USER or {row["user_id"] for row in answer} != {other}:
        raise SystemExit(f"{name} answered the list of {PER_USER} with {status} {answer}.")


def finds(port: int, line: str) -> None:
    """Raises: SystemExit, unless the search of a line of `load.write_searches` finds something."""
    _, bearer, target = line.split()
    status, answer = ask(port, "GET", target, bearer)
    if status != 200 or not answer["associations"]:
        raise SystemExit(f"{target} was answered with {status} {answer}.")
