"""What no log may hold: tokens, secrets, bodies, queries, and lines that are not its own."""

import json
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from service.database import db
from service.store import associations
from tests.support.databases import ON_BOTH, ON_ONE, ON_POSTGRESQL
from tests.support.factories import PATH, as_admin, as_user, external, facebook, path_of
from tests.support.gunicorn import serving
from tests.support.http import request
from tests.support.tokens import SECRET, token

pytestmark = ON_ONE

CANARY = "canary-8d2f"
URL = f"https://{CANARY}.example/{CANARY}?{CANARY}"
FORGED = f'{CANARY}\r\n{{"event": "forged"}}\n\x00\x1b[31m\x85\u2028{CANARY}'
Output = Callable[[], str]


@pytest.fixture
def client(make_app: Callable[..., Flask]) -> Iterator[FlaskClient]:
    """A client of a service that logs as much as it can."""
    yield make_app(LOG_LEVEL="DEBUG").test_client()
    make_app()  # the level is the whole process's


@pytest.fixture
def output(client: FlaskClient, capfd: pytest.CaptureFixture[str]) -> Output:
    """All that was written anywhere; every line of it must be a whole one."""
    capfd.readouterr()

    def read() -> str:
        captured = capfd.readouterr()
        for line in captured.err.splitlines():
            assert json.loads(line)["event"] != "forged"
        return captured.out + captured.err

    return read


def check(output: Output, *more: str) -> None:
    text = output()
    assert text
    for secret in (CANARY, SECRET, "eyJ", "hunter2", *more):
        assert secret not in text


BODIES: list[tuple[str, dict[str, Any]]] = [
    ("POST", facebook(ext_id=CANARY, profile_url=URL, show_in_profile=True)),
    ("POST", external(ext_id=CANARY, metadata={CANARY: [CANARY]})),
    ("POST", external(ext_id=CANARY, metadata=json.dumps({CANARY: CANARY}))),
    ("POST", facebook(ext_id="taken", profile_url=URL)),
    ("PATCH", facebook(ext_id="taken", profile_url=URL)),
    ("PATCH", facebook(ext_id=CANARY, profile_url=URL)),
    ("DELETE", facebook(ext_id=CANARY, note=CANARY)),
    ("POST", facebook(provider=CANARY.upper())),
    ("POST", facebook(ext_id=f" {CANARY}", profile_url=CANARY, metadata={CANARY: 1})),
    ("POST", facebook(**{CANARY: CANARY})),
    ("POST", dict.fromkeys(("user_id", "provider", "ext_id", "metadata", FORGED), FORGED)),
    ("POST", facebook(ext_id=FORGED)),
    ("POST", external(metadata={FORGED: FORGED})),
]


@ON_BOTH
@pytest.mark.parametrize(("method", "body"), BODIES)
def test_no_body_is_in_the_log(
    client: FlaskClient, output: Output, method: str, body: dict[str, Any]
) -> None:
    client.post(PATH, json=facebook(ext_id="taken"), headers=as_user(7))
    assert client.open(PATH, method=method, json=body, headers=as_user(7)).status_code < 500
    check(output)


@pytest.mark.parametrize("data", [f'{{"{CANARY}', f'"{CANARY}"', f'{{"{CANARY}":1,"{CANARY}":2}}'])
def test_no_malformed_body_is_in_the_log(client: FlaskClient, output: Output, data: str) -> None:
    headers = as_user(7) | {"Content-Type": "application/json"}
    assert client.post(PATH, data=data, headers=headers).status_code == 400
    check(output)


@pytest.mark.parametrize("text", [CANARY, FORGED], ids=["canary", "forged"])
@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", PATH + "?provider=facebook&ext_id={}"),
        ("DELETE", PATH + "?user_id=7&provider=facebook&ext_id={}"),
        ("GET", PATH + "?user_id={}"),
        ("GET", PATH + "?{}=1"),
        ("GET", "/{}"),
        ("GET", "/api/v2/docs/{}"),
        ("GET", path_of("{}")),
    ],
)
def test_no_query_and_no_path_is_in_the_log(
    client: FlaskClient, output: Output, method: str, target: str, text: str
) -> None:
    client.open(target.format(urllib.parse.quote(text)), method=method, headers=as_admin())
    check(output)


@pytest.mark.parametrize(
    "name",
    [
        "Accept",
        "Content-Type",
        "Cookie",
        "Origin",
        "Referer",
        "User-Agent",
        "X-Anything",
        "X-Forwarded-For",
    ],
)
def test_no_header_is_in_the_log(client: FlaskClient, output: Output, name: str) -> None:
    client.post(PATH, data=b"{}", headers=as_user(7) | {name: CANARY})
    check(output)


def test_an_insane_request_id_is_not_in_the_log(client: FlaskClient, output: Output) -> None:
    client.get("/healthz", headers={"X-Request-ID": f"{CANARY} \t"})
    check(output)


@pytest.mark.parametrize(
    "authorization",
    [
        CANARY,
        f"Basic {CANARY}",
        f"Bearer {CANARY}",
        f"Bearer eyJ{CANARY}.eyJ{CANARY}.{CANARY}",
        f"Bearer {token(7, secret='hunter2' * 8)}",
        f"Bearer {token(7, token_type=CANARY)}",
        f"Bearer {token(CANARY)}",
        f"Bearer {token(7, exp=1, iat=0)}",
    ],
)
def test_no_bad_token_is_in_the_log(
    client: FlaskClient, output: Output, authorization: str
) -> None:
    assert client.get(PATH, headers={"Authorization": authorization}).status_code == 401
    check(output, authorization.partition(" ")[2] or CANARY)


@ON_BOTH
def test_no_good_token_is_in_the_log(client: FlaskClient, output: Output) -> None:
    headers = as_user(7, note=CANARY)
    assert client.get(PATH, headers=headers).status_code == 200
    check(output, headers["Authorization"].partition(" ")[2])


def test_no_metric_has_what_was_sent(client: FlaskClient) -> None:
    for method, body in BODIES:
        client.open(PATH, method=method, json=body, headers=as_user(7))
    client.get(f"/{CANARY}?{CANARY}", headers={"User-Agent": CANARY})
    client.open(PATH, method=CANARY)
    assert CANARY not in client.get("/metrics").get_data(as_text=True)


# when something goes wrong


class Bug(Exception):
    pass


@ON_BOTH
def test_a_bug_shows_no_value(
    client: FlaskClient, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many a bug's text holds the value it stumbled upon: `KeyError`, `ValueError`, …"""

    def create(association: Any, **_: Any) -> Any:
        try:
            return {}[association["ext_id"]]
        except KeyError as error:
            raise Bug(f"no such {association!r}") from error

    monkeypatch.setattr(associations, "create", create)
    asked = facebook(ext_id=CANARY, profile_url=URL)
    assert client.post(PATH, json=asked, headers=as_user(7)).status_code == 500
    check(output)


@pytest.fixture
def renamed(app: Flask) -> Iterator[None]:
    """A database that lacks the table."""
    rename = "ALTER TABLE {} RENAME TO {}"
    with app.app_context(), db.engine.connect() as connection:
        connection.execute(sa.text(rename.format("social_association", "elsewhere")))
        yield
        connection.execute(sa.text(rename.format("elsewhere", "social_association")))


@ON_BOTH
def test_a_mistake_in_sql_shows_no_value(
    renamed: None, client: FlaskClient, output: Output
) -> None:
    asked = facebook(ext_id=CANARY, profile_url=URL)
    assert client.post(PATH, json=asked, headers=as_user(7)).status_code == 500
    check(output)


@pytest.fixture
def stricter(app: Flask) -> Iterator[None]:
    """A database with a rule that the service doesn't know."""
    table = "ALTER TABLE social_association"
    rule = f"CHECK (ext_id NOT LIKE '%{CANARY[:6]}%' AND metadata IS NULL)"
    with app.app_context(), db.engine.connect() as connection:
        connection.execute(sa.text(f"{table} ADD CONSTRAINT stricter {rule}"))
        yield
        connection.execute(sa.text(f"{table} DROP CONSTRAINT stricter"))


@ON_POSTGRESQL
@pytest.mark.parametrize(
    "body",
    [facebook(ext_id=CANARY, profile_url=URL), external(ext_id=CANARY, metadata={CANARY: CANARY})],
    ids=["facebook", "external"],
)
def test_a_refusal_of_the_database_shows_no_value(
    stricter: None, client: FlaskClient, output: Output, body: dict[str, Any]
) -> None:
    """PostgreSQL's own message holds the whole row."""
    assert client.post(PATH, json=body, headers=as_user(7)).status_code == 500
    check(output)


@ON_BOTH
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_database_out_of_reach_shows_no_value(
    client: FlaskClient, make_app: Callable[..., Flask], output: Output, method: str
) -> None:
    url = "postgresql://someone:hunter2@127.0.0.1:1/nowhere"
    unreachable = make_app(DATABASE_URL=url, LOG_LEVEL="DEBUG").test_client()
    body = facebook(ext_id=CANARY, profile_url=URL)
    answer = unreachable.open(PATH, method=method, json=body, headers=as_user(7))
    assert answer.status_code == 503
    check(output)


def test_under_gunicorn_no_token_and_no_body_is_in_the_log(tmp_path: Path) -> None:
    body = json.dumps(facebook(ext_id=CANARY, profile_url=URL)).encode()
    headers = as_user(7) | {"User-Agent": CANARY, "Referer": CANARY}
    whole = request("POST", PATH, body, headers=headers)
    with serving(tmp_path, WEB_CONCURRENCY="1", LOG_LEVEL="DEBUG") as server:
        assert server.send(whole).status == 201
        server.get(f"{PATH}?provider=facebook&ext_id={CANARY}", **as_admin())
        server.get(f"/{CANARY}?{CANARY}")
        for broken in (whole[:-1], whole[: whole.index(b"Content")], whole[:200], whole[:5]):
            with server.connect() as connection:
                connection.sendall(broken)
        with server.connect() as connection:
            connection.sendall(whole * 2)  # and gone before the answers
        server.stop()
        check(server.output)
        assert all(line["event"] for line in server.lines())
