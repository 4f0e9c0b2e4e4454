"""Behind a PgBouncer that hands connections on between transactions."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from service.store import associations, events
from tests.support.bulk import lines
from tests.support.databases import application, empty_postgresql, in_context, migrate
from tests.support.delivering import delivering
from tests.support.factories import as_user, facebook, path_of
from tests.support.gunicorn import serving
from tests.support.http import request
from tests.support.pgbouncer import COMMAND, pgbouncer
from tests.support.receiver import receiving
from tests.support.stored import link
from tests.support.waiting import becomes, eventually

pytestmark = pytest.mark.skipif(COMMAND is None, reason="needs the command pgbouncer")

THREADS = 8
EACH = 20  # more than psycopg runs before it prepares a statement


@pytest.fixture
def pooled(postgresql_url: str) -> Iterator[str]:
    with empty_postgresql(postgresql_url) as url, pgbouncer(url) as pooled:
        yield pooled


def in_threads(app: Flask, use: Callable[[int], Any]) -> list[Any]:
    """What `use` gives for each of the users 1 to THREADS, side by side."""
    with ThreadPoolExecutor(THREADS) as pool:
        uses = [
            pool.submit(in_context, app, partial(use, user_id)) for user_id in range(1, THREADS + 1)
        ]
        return [done.result(30) for done in uses]


def test_all_threads_read_and_write(pooled: str) -> None:
    migrate(pooled)

    def use(user_id: int) -> None:
        for number in range(EACH):
            assert link(user_id=user_id, ext_id=f"fb-{user_id}-{number}").is_new
            assert len(associations.list_of_user(user_id, with_hidden=True)) == number + 1

    with application(pooled, DATABASE_POOLER="transaction") as app:
        in_threads(app, use)


def test_the_service_serves(pooled: str, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": pooled, "DATABASE_POOLER": "transaction"}
    with serving(tmp_path, WEB_CONCURRENCY="2", **settings) as server:
        assert server.get("/readyz").status == 200
        for number in range(EACH):
            body = json.dumps(facebook(ext_id=f"fb-{number}")).encode()
            post = request("POST", path_of(7), body, headers=as_user(7))
            assert server.send(post).status == 201


def test_events_are_numbered_one_at_a_time(pooled: str) -> None:
    """All write and all follow; whoever reads gives ids to what the others wrote."""
    migrate(pooled)

    def use(user_id: int) -> list[int]:
        seen: list[int] = []
        for number in range(EACH):
            link(user_id=user_id, ext_id=f"fb-{user_id}-{number}")
            seen += [event.id for event in events.feed(len(seen), 500)]
        return seen

    with application(pooled, DATABASE_POOLER="transaction") as app:
        for seen in in_threads(app, use):
            assert seen == [*range(1, len(seen) + 1)]
        assert [event.id for event in events.feed(0, 500)] == [*range(1, THREADS * EACH + 1)]


def test_one_process_delivers_and_the_next_takes_its_place(pooled: str) -> None:
    """A lock of the session would be lent on with it, and taken twice."""
    migrate(pooled)

    def make() -> AbstractContextManager[Flask]:
        return application(pooled, DATABASE_POOLER="transaction")

    with (
        receiving() as first,
        receiving() as second,
        make() as waiting,
        make() as working,
        ExitStack() as work,
    ):
        work.enter_context(delivering(working, first.url))
        link(ext_id="fb-1")
        eventually(lambda: first.ids() == [1])
        with delivering(waiting, second.url):
            link(ext_id="fb-2")
            eventually(lambda: first.ids() == [1, 2])
            assert not becomes(lambda: second.received, 0.5)
            work.close()
            eventually(lambda: second.ids() == [1, 2])


def test_without_the_setting_the_log_says_what_pgbouncer_refused(
    pooled: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with application(pooled) as app:
        capfd.readouterr()
        assert app.test_client().get("/readyz").status_code == 503
    assert "unsupported startup parameter: options" in capfd.readouterr().err


def test_many_at_once_work(pooled: str) -> None:
    migrate(pooled)
    with application(pooled, DATABASE_POOLER="transaction") as app:

        def run(*arguments: str, text: str = "") -> str:
            command = ["associations", *arguments]
            result = app.test_cli_runner().invoke(args=command, input=text)
            assert result.exit_code == 0, result.output
            return result.stdout

        created = lines(*(facebook(ext_id=f"fb-{number}") for number in range(EACH)))
        assert '"created":20' in run("import", "-", "--created-by", "1", text=created)
        assert '"unchanged":20' in run("import", "-", "--created-by", "1", text=created)
        renamed = "old,new\nfb-1,fb-2\nfb-2,fb-1\n"
        assert '"changed":2' in run("rekey", "-", "--provider", "facebook", text=renamed)
        assert run("export").count("\n") == EACH
