"""Behind a PgBouncer that hands connections on between transactions."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.store import associations
from tests.support.databases import application, empty_postgresql, in_context, migrate
from tests.support.factories import as_user, facebook, path_of
from tests.support.gunicorn import serving
from tests.support.http import request
from tests.support.pgbouncer import COMMAND, pgbouncer
from tests.support.stored import link

pytestmark = pytest.mark.skipif(COMMAND is None, reason="needs the command pgbouncer")

THREADS = 8
EACH = 20  # more than psycopg runs before it prepares a statement


@pytest.fixture
def pooled(postgresql_url: str) -> Iterator[str]:
    with empty_postgresql(postgresql_url) as url, pgbouncer(url) as pooled:
        yield pooled


def test_all_threads_read_and_write(pooled: str) -> None:
    migrate(pooled)

    def use(user_id: int) -> None:
        for number in range(EACH):
            assert link(user_id=user_id, ext_id=f"fb-{user_id}-{number}").is_new
            assert len(associations.list_of_user(user_id, with_hidden=True)) == number + 1

    with (
        application(pooled, DATABASE_POOLER="transaction") as app,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        uses = [
            pool.submit(in_context, app, lambda user_id=user_id: use(user_id))
            for user_id in range(1, THREADS + 1)
        ]
        for done in uses:
            done.result(30)


def test_the_service_serves(pooled: str, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": pooled, "DATABASE_POOLER": "transaction"}
    with serving(tmp_path, WEB_CONCURRENCY="2", **settings) as server:
        assert server.get("/readyz").status == 200
        for number in range(EACH):
            body = json.dumps(facebook(ext_id=f"fb-{number}")).encode()
            post = request("POST", path_of(7), body, headers=as_user(7))
            assert server.send(post).status == 201


def test_without_the_setting_the_log_says_what_pgbouncer_refused(
    pooled: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with application(pooled) as app:
        capfd.readouterr()
        assert app.test_client().get("/readyz").status_code == 503
    assert "unsupported startup parameter: options" in capfd.readouterr().err
