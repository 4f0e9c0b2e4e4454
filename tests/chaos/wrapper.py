"""The service with the defect that `CHAOS_DEFECT` names, for gunicorn.

A scenario that reports nothing then is worth nothing. The service itself knows none of this.
"""

import io
import os
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa
from flask import current_app

from service import create_app, database
from service.database import db, migration, replication
from service.database.statements import Statement
from service.store.recording import Recorded

Start = Callable[..., Any]
Wsgi = Callable[[dict[str, Any], Start], Iterable[bytes]]


class Answered:
    """What the application said, before it goes out."""

    def __init__(self, app: Wsgi, environ: dict[str, Any]) -> None:
        self.status, self.headers = "", [("", "")]
        self.body = b"".join(app(environ, self._start))

    def _start(self, status: str, headers: list[tuple[str, str]], *_: object) -> None:
        self.status, self.headers = status, headers

    def send(self, start: Start) -> Iterable[bytes]:
        start(self.status, self.headers)
        return [self.body]


def read(environ: dict[str, Any]) -> bytes:
    """The body, which then can be read once more."""
    body: bytes = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def created(start: Start, body: bytes) -> Iterable[bytes]:
    start("201 CREATED", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def answers_before_commit(app: Wsgi) -> Wsgi:
    """201 first, the work a little later."""

    def later(environ: dict[str, Any]) -> None:
        time.sleep(0.05)
        Answered(app, environ)

    def call(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "POST":
            return app(environ, start)
        body = read(environ)
        threading.Thread(target=later, args=[environ], daemon=True).start()
        return created(start, body)

    return call


def created_when_refused(app: Wsgi) -> Wsgi:
    """201 where the database said no."""

    def call(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        body = read(environ)
        answered = Answered(app, environ)
        if answered.status.startswith("503") and environ["REQUEST_METHOD"] == "POST":
            return created(start, body)
        return answered.send(start)

    return call


def done_though_refused(app: Wsgi) -> Wsgi:
    """503, and then it is done all the same."""

    def later(environ: dict[str, Any], body: bytes) -> None:
        for _ in range(200):
            time.sleep(0.05)
            environ["wsgi.input"] = io.BytesIO(body)
            if not Answered(app, dict(environ)).status.startswith("503"):
                return

    def call(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        body = read(environ)
        answered = Answered(app, dict(environ))
        if answered.status.startswith("503") and environ["REQUEST_METHOD"] == "POST":
            threading.Thread(target=later, args=[dict(environ), body], daemon=True).start()
        return answered.send(start)

    return call


def a_500_for_503(app: Wsgi) -> Wsgi:
    """The database's condition taken for a bug."""

    def call(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        answered = Answered(app, environ)
        answered.status = answered.status.replace("503 ", "500 ")
        return answered.send(start)

    return call


def no_retry_after(app: Wsgi) -> Wsgi:
    def call(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        answered = Answered(app, environ)
        answered.headers = [pair for pair in answered.headers if pair[0] != "Retry-After"]
        return answered.send(start)

    return call


def slow_refusals(app: Wsgi) -> Wsgi:
    """Three seconds until it says that the database is away."""

    def call(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        answered = Answered(app, environ)
        if answered.status.startswith("503"):
            time.sleep(3.1)
        return answered.send(start)

    return call


def health_needs_the_database(app: Wsgi) -> Wsgi:
    def call(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/healthz":
            environ["PATH_INFO"] = "/readyz"
        return app(environ, start)

    return call


def no_retries(app: Wsgi) -> Wsgi:
    """The client hears of a conflict at once."""
    database.RETRIES = 0
    return app


def no_fence(app: Wsgi) -> Wsgi:
    """What is found stored is acknowledged, on however few machines it is."""
    type(replication.FENCE).run = lambda *_: []  # type: ignore[method-assign]
    return app


def readyz_by_equality(app: Wsgi) -> Wsgi:
    """Ready at this release's own migration only."""
    shortcoming = migration.shortcoming

    def equality(run: Callable[[Statement], list[Any]]) -> str | None:
        newest = migration._newest(current_app.config["MIGRATIONS"])
        return shortcoming(run) or (migration.current(run) != newest and "a later schema") or None

    migration.shortcoming = equality
    return app


def slow_requests(app: Wsgi) -> Wsgi:
    """So that some are always under way; with no time to finish they are cut off."""

    def call(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/healthz":
            time.sleep(0.3)
        return app(environ, start)

    return call


def event_of_its_own(app: Wsgi) -> Wsgi:
    """The change first, its event a little later, in a transaction of its own."""

    def run(self: Any, cursor: Any, dialect: Any, parameters: Any) -> list[Any]:
        def one(statement: Any, values: Any) -> Any:
            time.sleep(0.02 if statement is self._event else 0)
            return statement.run(cursor, dialect, values)

        rows: list[Any] = self._run_both(one, parameters)
        return rows

    Recorded.run = run  # type: ignore[method-assign]
    return app


def number_at_insert(app: Wsgi) -> Wsgi:
    """Ids from a sequence, taken when a row is written; it is seen when it is committed."""
    values = Recorded._values

    def numbered(self: Any, of_pair: Any) -> dict[str, Any]:
        # What comes first in a list is evaluated first.
        number: dict[str, Any] = {
            "seq": sa.literal_column("nextval('social_event_seq_seq')"),
            "id": sa.literal_column("currval('social_event_seq_seq')"),
        }
        return number | values(self, of_pair)

    Recorded._values = numbered  # type: ignore[method-assign]
    return app


_kept: list[bytes] = []


def leaks(app: Wsgi) -> Wsgi:
    """Something of each request stays for ever."""

    def call(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        _kept.append(os.urandom(20_000))
        return app(environ, start)

    return call


def nothing(app: Wsgi) -> Wsgi:
    return app


DEFECTS: dict[str, Callable[[Wsgi], Wsgi]] = {
    defect.__name__: defect
    for defect in (
        nothing,
        answers_before_commit,
        created_when_refused,
        done_though_refused,
        a_500_for_503,
        no_retry_after,
        slow_refusals,
        health_needs_the_database,
        no_retries,
        no_fence,
        readyz_by_equality,
        slow_requests,
        event_of_its_own,
        number_at_insert,
        leaks,
    )
}


def _limit_sqlite(pages: int) -> None:
    """The fault, not a defect: a disk on which SQLite finds no more room than this."""

    def limit(connection: Any, _: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}")

    sa.event.listen(db.engine, "connect", limit)


def _make() -> Wsgi:
    service = create_app()
    if pages := os.environ.get("CHAOS_MAX_PAGES"):
        with service.app_context():
            _limit_sqlite(int(pages))
    return DEFECTS[os.environ["CHAOS_DEFECT"]](service.wsgi_app)


app = _make() if "CHAOS_DEFECT" in os.environ else None
