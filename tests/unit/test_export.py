"""`flask associations export`: all as it is at one moment, and the id to follow from."""

import csv
import errno
import io
import json
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskCliRunner
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg.errors import SerializationFailure

from service import strict_json
from service.database import Unavailable, db
from service.schemas.detailed import DetailedSchema
from service.schemas.moments import timestamp
from service.store import associations, directory, events, numbering, snapshots
from tests.support import databases, stored, values
from tests.support.bulk import Run, counts
from tests.support.databases import ON_ONE, ON_POSTGRESQL, ON_SQLITE, in_context
from tests.support.factories import external, facebook, shown
from tests.support.stored import BY, link

EXT_ID = snapshots.COLUMNS.index("ext_id")


@pytest.fixture
def export(app: Flask, runner: FlaskCliRunner) -> Iterator[Run]:
    def run(*arguments: str | Path) -> Result:
        return runner.invoke(args=["associations", "export", *map(str, arguments)])

    with app.app_context():
        yield run


def rows_of(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.split("\n")[:-1]]


def last(result: Result) -> dict[str, int]:
    found: dict[str, int] = json.loads(result.stderr.splitlines()[-1])
    return found


def test_all_come_detailed_by_provider_and_ext_id(export: Run) -> None:
    link(provider="google", ext_id="b", profile_url="https://a.example/", created_by=9)
    link(provider="google", ext_id="B", user_id=8, show_in_profile=True)
    link(provider="external", ext_id="é", metadata={"n": 1e300})
    link(provider="external", ext_id="😀")
    result = export()
    moments = [
        {name: timestamp(row.pop(name)) for name in ("created_at", "updated_at")}
        for row in stored.rows()
    ]
    google = facebook(provider="google")
    made = [
        external(ext_id="é", metadata={"n": 1e300}, created_by=7),
        external(ext_id="😀", created_by=7),
        google | {"user_id": 8, "ext_id": "B", "show_in_profile": True, "created_by": 7},
        google | {"ext_id": "b", "profile_url": "https://a.example/", "created_by": 9},
    ]
    assert rows_of(result) == [shown(one) | at for one, at in zip(made, moments, strict=True)]
    assert result.stderr == '{"exported":4,"next_after":4}\n'


def test_a_line_is_what_the_schema_shows(export: Run) -> None:
    odd = 'a"\\/\b\u2028é😀\x7f'
    moments = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, 23, 59, 59, 999_990, UTC))
    for at in moments:
        own = {"user_id": 2**63 - 1, "ext_id": f"{odd}{at.year}", "created_by": 1}
        url = f"https://a.example/{odd}"
        stored.insert(**own, provider="google", profile_url=url, created_at=at)
        stored.insert(**own, provider="z", show_in_profile=True, created_at=at)
        stored.insert(**own, provider="external", metadata={odd: [odd, 1e300]}, created_at=at)
        stored.insert(**{**own, "ext_id": f"{at.year}"}, provider="external", created_at=at)
    rows = directory.search(None, None, after=("", ""), limit=100)
    shown = [DetailedSchema().dump(row) for row in rows]
    lines = [json.loads(strict_json.to_bytes(row)) for row in shown]
    # With their keys in the same order.
    assert [[*row.items()] for row in rows_of(export())] == [[*row.items()] for row in lines]


def test_metadata_that_was_put_there_over_several_lines_comes_on_one(export: Run) -> None:
    link(provider="external", ext_id="ex-1", metadata={"a": 1})
    with db.engine.begin() as connection:
        by_hand = """UPDATE social_association SET metadata = '{\r\n"a":\n 2}'"""
        connection.exec_driver_sql(by_hand)
    line, end = export().stdout.split("\n")
    assert (json.loads(line)["metadata"], end) == ({"a": 2}, "")


def test_of_one_provider_or_user(export: Run) -> None:
    for user_id, provider in ((7, "google"), (7, "facebook"), (8, "google")):
        link(user_id=user_id, provider=provider, ext_id=f"{user_id}")
    google, of_7 = export("--provider", "google"), export("--user", "7")
    assert [(row["user_id"], row["provider"]) for row in rows_of(google)] == [
        (7, "google"),
        (8, "google"),
    ]
    assert [(row["user_id"], row["provider"]) for row in rows_of(of_7)] == [
        (7, "facebook"),
        (7, "google"),
    ]
    assert len(rows_of(export("--provider", "google", "--user", "8"))) == 1
    assert last(of_7) == {"exported": 2, "next_after": 3}


@ON_ONE
@pytest.mark.parametrize("option", [("--provider", "Google"), ("--user", "0")])
def test_what_is_no_provider_or_user_is_refused(export: Run, option: tuple[str, str]) -> None:
    assert export(*option).exit_code == 2


def test_nothing_is_an_empty_export(export: Run) -> None:
    result = export()
    assert (result.stdout, last(result)) == ("", {"exported": 0, "next_after": 0})
    assert export("--format", "csv").stdout.count("\n") == 1


def test_csv_has_the_names_first(export: Run) -> None:
    link(profile_url="https://a.example/?a=1,2", show_in_profile=True)
    link(ext_id='"quoted", one')
    link(provider="external", ext_id="ex", metadata={"a": 'x"\n'})
    rows = [*csv.DictReader(io.StringIO(export("--format", "csv").stdout, newline=""))]
    names = ("user_id", "provider", "ext_id", "profile_url", "show_in_profile", "metadata")
    assert [[row[name] for name in (*names, "created_by")] for row in rows] == [
        ["7", "external", "ex", "", "", '{"a":"x\\"\\n"}', "7"],
        ["7", "facebook", '"quoted", one', "", "false", "", "7"],
        ["7", "facebook", "fb-1", "https://a.example/?a=1,2", "true", "", "7"],
    ]


def test_what_is_committed_without_an_id_is_part_of_it(export: Run) -> None:
    events.feed(0, 10)
    link()
    link(ext_id="fb-2")
    assert last(export()) == {"exported": 2, "next_after": 2}
    assert [event.id for event in events.feed(0, 10)] == [1, 2]


@ON_POSTGRESQL
def test_what_is_not_committed_yet_comes_after_it(export: Run, database_url: str) -> None:
    """Its number in the table is smaller than that of what is part of the export."""
    with databases.postgresql(database_url) as slow:
        slow.execute(
            "INSERT INTO social_association VALUES "
            "('google', 'slow', 8, NULL, false, NULL, now(), now(), 8)"
        )
        slow.execute(
            "INSERT INTO social_event (type, occurred_at, user_id, provider, ext_id) "
            "VALUES ('association.created', now(), 8, 'google', 'slow')"
        )
        link()
        result = export()
        slow.commit()
    assert [row["ext_id"] for row in rows_of(result)] == ["fb-1"]
    assert last(result)["next_after"] == 1
    assert [event.ext_id for event in events.feed(1, 10)] == ["slow"]


def test_what_comes_meanwhile_is_in_the_events_above_it(
    export: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "AT_ONCE", 1)
    for number in range(3):
        link(ext_id=f"fb-{number}")
    seen = []
    with snapshots.taken(None, None) as snapshot:
        for ((row),) in snapshot.rows:
            seen.append(row[EXT_ID])
            if len(seen) == 1:
                associations.delete(7, "facebook", "fb-2", by=BY)
                link(ext_id="fb-9")
                events.feed(0, 10)
    assert seen == ["fb-0", "fb-1", "fb-2"]
    assert [(e.type, e.ext_id) for e in events.feed(snapshot.next_after, 10)] == [
        ("association.deleted", "fb-2"),
        ("association.created", "fb-9"),
    ]


def test_the_events_up_to_it_lead_just_there_while_others_write_and_number(app: Flask) -> None:
    stop = threading.Event()

    def write(user_id: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with suppress(Unavailable, associations.NotFound):  # SQLite has one writer
                link(user_id=user_id, ext_id=f"{user_id}-{number}", limit=100_000)
                if number % 2:
                    associations.delete(user_id, "facebook", f"{user_id}-{number}", by=BY)

    def number() -> None:
        while not stop.is_set():
            with suppress(Unavailable):
                numbering.number()

    found = []
    with app.app_context(), ThreadPoolExecutor() as threads:
        works = (partial(write, 7), partial(write, 8), number)
        running = [threads.submit(in_context, app, work) for work in works]
        try:
            for _ in range(6):
                with snapshots.taken(None, None) as snapshot:
                    pairs = {row[EXT_ID] for some in snapshot.rows for row in some}
                found.append((snapshot.next_after, pairs))
        finally:
            stop.set()
        for one in running:
            one.result()
    with app.app_context():
        numbering.number_at_leisure()
        every = events.feed(0, 1_000_000)
    assert found[0][0] < found[-1][0]
    for next_after, pairs in found:
        there: set[str] = set()
        for event in every[:next_after]:
            (there.add if event.type == "association.created" else there.remove)(event.ext_id)
        assert there == pairs


def test_what_another_transaction_spoils_is_begun_again(
    export: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = numbering.number_all_within

    def spoilt(run: Any) -> int:
        monkeypatch.setattr(numbering, "number_all_within", number)
        raise SerializationFailure

    link()
    monkeypatch.setattr(numbering, "number_all_within", spoilt)
    assert last(export()) == {"exported": 1, "next_after": 1}


def test_a_file_is_replaced_when_it_is_whole(export: Run, tmp_path: Path) -> None:
    link()
    file = tmp_path / "links.csv"
    file.write_text("old")
    result = export(file)
    assert (result.exit_code, result.stdout) == (0, "")
    assert file.read_text().startswith("user_id,provider,ext_id,")
    assert [*tmp_path.iterdir()] == [file]


def test_an_export_that_is_stopped_half_way_leaves_the_file_as_it_was(
    export: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        link(ext_id=f"fb-{number}")
    file = tmp_path / "links"
    file.write_text("old")

    def stopped(rows: Iterable[object]) -> Iterator[bytes]:
        for _ in rows:
            yield b"new"
            raise KeyboardInterrupt

    monkeypatch.setattr(snapshots, "AT_ONCE", 1)  # the others are still to come
    monkeypatch.setattr("service.commands.exporting.json_lines", stopped)
    result = export(file)
    assert (result.exit_code, result.stderr) == (2, "Error: Stopped.\n")
    assert (file.read_text(), [*tmp_path.iterdir()]) == ("old", [file])


@ON_ONE
def test_a_pipe_is_written_into(export: Run, tmp_path: Path) -> None:
    link()
    os.mkfifo(pipe := tmp_path / "pipe")
    with ThreadPoolExecutor() as threads:
        read = threads.submit(pipe.read_text)
        assert last(export(pipe))["exported"] == 1
        assert json.loads(read.result())["ext_id"] == "fb-1"


@ON_ONE
def test_a_dash_is_standard_output(export: Run) -> None:
    link()
    assert len(rows_of(export("-"))) == 1


@ON_ONE
def test_a_folder_that_is_not_there_is_a_sentence(export: Run) -> None:
    result = export("/no/such/file")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "Error: /no/such/file: No such file or directory.\n"


@ON_SQLITE
def test_who_reads_no_further_ends_it(export: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Iterator[bytes]:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr("service.commands.exporting.json_lines", broken)
    result = export()
    assert (result.exit_code, result.stderr) == (2, "")


TEXT = values.ext_ids(40)
KEY = values.text(8)
VALUE = values.json(KEY, leaves=6, parts=3)
ID = st.integers(1, 2**63 - 1)
MOMENTS = st.datetimes(
    datetime(1970, 1, 1), datetime(9998, 12, 31, 23, 59, 59, 999_999), timezones=st.just(UTC)
)
COMMON = {"user_id": ID, "ext_id": TEXT, "at": MOMENTS, "by": ID}
EXTERNAL = st.fixed_dictionaries(
    COMMON
    | {
        "provider": st.just("external"),
        "metadata": st.none() | st.dictionaries(KEY, VALUE, max_size=4),
    }
)
OTHERS = st.fixed_dictionaries(
    COMMON
    | {
        "provider": st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,9}[a-z0-9])?", fullmatch=True).filter(
            lambda name: name != "external"
        ),
        "profile_url": st.none() | st.just("https://a.example/?q=\"'`,;"),
        "show_in_profile": st.booleans(),
    }
)


@settings(
    max_examples=10,
    phases=[Phase.generate],  # each try takes a second: too long to look for a smaller one
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    drawn=st.lists(EXTERNAL | OTHERS, max_size=8, unique_by=lambda r: (r["provider"], r["ext_id"])),
    form=st.sampled_from(["jsonl", "csv"]),
)
def test_import_makes_of_an_export_the_same_in_the_other_kind_of_database(
    app: Flask, runner: FlaskCliRunner, other: Flask, drawn: list[dict[str, Any]], form: str
) -> None:
    with app.app_context():
        databases.empty()
        for row in drawn:
            row = dict(row)
            at, by = row.pop("at"), row.pop("by")
            stored.insert(created_at=at, created_by=by, **row)
        exported = runner.invoke(args=["associations", "export", "--format", form])
        before = stored.rows()
    assert exported.exit_code == 0
    with other.app_context():
        databases.empty()
        arguments = ["associations", "import", "-", "--created-by", "1", "--format", form]
        imported = other.test_cli_runner().invoke(args=arguments, input=exported.stdout_bytes)
        assert counts(imported) == ({"created": len(drawn)} if drawn else {})
        assert stored.rows() == before


@pytest.fixture(scope="module")
def other(
    database_url: str, tmp_path_factory: pytest.TempPathFactory, postgresql_url: str
) -> Iterator[Flask]:
    """An application on the other kind of database."""
    if database_url.startswith("sqlite"):
        with databases.empty_postgresql(postgresql_url) as url:
            databases.migrate(url)
            with databases.application(url) as app:
                yield app
        return
    url = f"sqlite:///{tmp_path_factory.mktemp('other') / 'other.db'}"
    databases.migrate(url)
    with databases.application(url) as app:
        yield app
