"""What a load balancer and a scraper see."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from service import create_app
from service.database import db
from service.models import Event
from service.store import numbering, webhooks
from tests.api import problems
from tests.support.factories import PATH, as_user, environment, errors_of, facebook, path_of
from tests.support.receiver import SECRET
from tests.support.tokens import bearer, with_header

INSIDE = re.compile("sqlite|postgres|psycopg|alembic|migration|127.0.0.1|nowhere|/tmp|select", re.I)
MakeFrom = Callable[[str], Flask]


@pytest.fixture
def make_from() -> Iterator[MakeFrom]:
    """Make an application on another database than the tested one."""
    made: list[Flask] = []

    def make(url: str) -> Flask:
        made.append(create_app(environment(url)))
        return made[-1]

    yield make
    for app in made:
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def unreachable(make_from: MakeFrom) -> FlaskClient:
    """A client of a service whose database is not there."""
    return make_from("postgresql://someone:hunter2@127.0.0.1:1/nowhere").test_client()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_both_probes_answer_200(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("accept", ["*/*", "text/html", "text/plain", "application/json"])
def test_probes_answer_whatever_is_accepted(client: FlaskClient, path: str, accept: str) -> None:
    assert client.get(path, headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_say_nothing_about_the_inside(client: FlaskClient, path: str) -> None:
    assert not INSIDE.search(client.get(path).get_data(as_text=True))


def test_healthz_answers_without_a_database(unreachable: FlaskClient) -> None:
    assert unreachable.get("/healthz").status_code == 200


def check_unready(client: FlaskClient) -> None:
    response = client.get("/readyz")
    problems.check(response, 503)
    assert errors_of(response) == {None: "unavailable"}
    assert int(response.headers["Retry-After"]) > 0
    assert not INSIDE.search(response.get_data(as_text=True))


def test_readyz_is_503_without_a_database(unreachable: FlaskClient) -> None:
    check_unready(unreachable)


def test_readyz_is_503_on_an_empty_database(make_from: MakeFrom, tmp_path: Path) -> None:
    check_unready(make_from(f"sqlite:///{tmp_path}/empty.db").test_client())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE alembic_version SET version_num = 'another'",
        "DELETE FROM alembic_version",
        "DROP TABLE alembic_version",
    ],
)
def test_readyz_is_503_at_another_migration(
    make_from: MakeFrom, tmp_path: Path, statement: str
) -> None:
    app = make_from(f"sqlite:///{tmp_path}/social.db")
    with app.app_context():
        flask_migrate.upgrade()
        with db.engine.begin() as connection:
            connection.execute(sa.text(statement))
    check_unready(app.test_client())


def test_readyz_turns_200_with_the_migration(make_from: MakeFrom, tmp_path: Path) -> None:
    app = make_from(f"sqlite:///{tmp_path}/social.db")
    before = app.test_client().get("/readyz").status_code
    with app.app_context():
        flask_migrate.upgrade()
    assert (before, app.test_client().get("/readyz").status_code) == (503, 200)


def metrics(client: FlaskClient) -> str:
    return client.get("/metrics").get_data(as_text=True)


def total(client: FlaskClient, name: str, *labels: str) -> float:
    """The sum of a metric's samples that carry these labels."""
    samples = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", metrics(client), re.MULTILINE)
    assert samples
    return sum(float(value) for got, value in samples if all(label in got for label in labels))


def test_metrics_are_prometheus_text(client: FlaskClient) -> None:
    response = client.get("/metrics")
    assert response.status_code == 200
    assert response.content_type.startswith("text/plain; version=")


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text;version=1.0.0"])
def test_metrics_are_given_to_a_scraper(client: FlaskClient, accept: str) -> None:
    assert client.get("/metrics", headers={"Accept": accept}).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "social_requests_total",
        "social_request_duration_seconds_bucket",
        "social_request_duration_seconds_count",
        "social_refusals_total",
        "social_token_cache_total",
        "social_token_refusals_total",
        "social_database_pool_connections",
    ],
)
def test_every_metric_is_there(client: FlaskClient, name: str) -> None:
    client.get(PATH, headers=as_user(7))
    client.get(PATH, headers=as_user(7, jti=""))
    client.get(PATH)
    assert re.search(rf"^{name}{{", metrics(client), re.MULTILINE)


@pytest.mark.parametrize("status", ["200", "400"])
def test_a_request_is_counted_by_its_status(client: FlaskClient, status: str) -> None:
    client.get(PATH)
    client.get(path_of(7))
    before = total(client, "social_requests_total", f'status="{status}"')
    client.get(PATH if status == "400" else path_of(7))
    # Reading the metrics is itself a request that may count.
    assert total(client, "social_requests_total", f'status="{status}"') - before in {1, 2}


def test_a_refusal_is_counted_by_its_code(client: FlaskClient) -> None:
    client.post(PATH)
    before = total(client, "social_refusals_total", 'code="not_authenticated"')
    client.post(PATH)
    assert total(client, "social_refusals_total", 'code="not_authenticated"') == before + 1


def test_a_refused_token_is_counted_by_its_reason(client: FlaskClient) -> None:
    client.get(PATH, headers=as_user(7, jti=""))
    before = total(client, "social_token_refusals_total", 'reason="claim:jti"')
    client.get(PATH, headers=as_user(7, jti=""))
    assert total(client, "social_token_refusals_total", 'reason="claim:jti"') == before + 1


def test_no_label_holds_what_callers_send(client: FlaskClient) -> None:
    user_id = 424_242_424_242
    body = facebook(user_id=user_id, provider="prov-424242", ext_id="ext-424242")
    client.post(path_of(user_id), json=body, headers=as_user(user_id))
    client.get(f"{path_of(user_id)}?x-424242=1")
    client.get("/nowhere-424242")
    client.open(PATH, method="M424242")
    for changes in ({"alg": "424242"}, {"typ": "424242"}, {"kid": "424242"}, {"crit": ["424242"]}):
        client.get(PATH, headers=bearer(with_header(**changes)))
    client.get(PATH, headers=as_user("x-424242"))
    client.get(PATH, headers={"Authorization": "424242"})
    assert "424242" not in metrics(client)


HOOKS = "https://a.example/secret-path,https://b.example/"


def scraped(client: FlaskClient) -> dict[str, float]:
    """What /metrics says of webhooks."""
    lines = client.get("/metrics").get_data(as_text=True).splitlines()
    return {
        name: float(value)
        for line in lines
        if line.startswith("social_webhook")
        for name, _, value in [line.rpartition(" ")]
    }


def test_metrics_say_how_far_behind_each_webhook_is(make_app: Callable[..., Flask]) -> None:
    client = make_app(WEBHOOK_URLS=HOOKS, WEBHOOK_SECRET=SECRET).test_client()
    for number in range(2):
        client.post(PATH, json=facebook(ext_id=f"fb-{number}"), headers=as_user())
    with client.application.app_context():
        webhooks.acknowledge(webhooks.state("https://b.example/"), 1)
        webhooks.acknowledge(webhooks.state("https://b.example/"), 2)
        numbering.number()
    found = scraped(client)
    assert found['social_webhook_undelivered_events{webhook="a.example"}'] == 2
    assert 0 < found['social_webhook_oldest_undelivered_seconds{webhook="a.example"}'] < 60
    assert found['social_webhook_undelivered_events{webhook="b.example"}'] == 0
    assert found['social_webhook_oldest_undelivered_seconds{webhook="b.example"}'] == 0


def test_an_event_of_a_clock_that_is_ahead_has_the_age_0(make_app: Callable[..., Flask]) -> None:
    client = make_app(WEBHOOK_URLS=HOOKS, WEBHOOK_SECRET=SECRET).test_client()
    client.post(PATH, json=facebook(), headers=as_user())
    with client.application.app_context():
        ahead = datetime.now(UTC) + timedelta(hours=1)
        db.session.execute(sa.update(Event).values(occurred_at=ahead))
        db.session.commit()
    found = scraped(client)
    assert found['social_webhook_undelivered_events{webhook="a.example"}'] == 1
    assert found['social_webhook_oldest_undelivered_seconds{webhook="a.example"}'] == 0


def test_metrics_show_no_address(make_app: Callable[..., Flask]) -> None:
    client = make_app(WEBHOOK_URLS=HOOKS, WEBHOOK_SECRET=SECRET).test_client()
    assert "secret-path" not in client.get("/metrics").get_data(as_text=True)


def test_without_webhooks_metrics_say_nothing_of_them(client: FlaskClient) -> None:
    assert scraped(client) == {}


def test_metrics_answer_without_a_database() -> None:
    app = create_app(
        environment(
            "postgresql://someone@127.0.0.1:1/nowhere", WEBHOOK_URLS=HOOKS, WEBHOOK_SECRET=SECRET
        )
    )
    response = app.test_client().get("/metrics")
    assert response.status_code == 200
    assert "social_requests_total" in response.get_data(as_text=True)
