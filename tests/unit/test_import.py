"""`flask associations import`: what a line becomes."""

import io
import json
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

import service
from service.commands import associations as commands
from service.commands import importing
from service.commands.beside import Beside
from service.commands.lines import Source, json_lines
from service.store import bulk, events
from tests.support import databases, stored
from tests.support.bulk import Run, codes, counts, lines, refused, runs
from tests.support.databases import ON_ONE
from tests.support.factories import PATH, as_admin, external, facebook
from tests.support.processes import ROOT
from tests.support.stored import link

WHEN = "2019-05-01T12:00:00.000001Z"
MOMENT = datetime(2019, 5, 1, 12, 0, 0, 1, UTC)


@pytest.fixture
def run(app: Flask, runner: FlaskCliRunner) -> Iterator[Run]:
    with app.app_context():
        yield runs(runner)


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "AT_ONCE", {"sqlite": 2, "postgresql": 2})


def test_lines_are_linked(run: Run) -> None:
    before = datetime.now(UTC)
    details = {"profile_url": "https://a.example/", "show_in_profile": True}
    result = run(lines(facebook(**details), external(metadata={"n": 1e300})))
    assert (result.exit_code, counts(result)) == (0, {"created": 2})
    one, other = stored.rows()
    assert one.items() >= stored.external(metadata={"n": 1e300}).items()
    assert other.items() >= facebook(**details).items()
    assert before <= other["created_at"] == other["updated_at"] <= datetime.now(UTC)
    assert other["created_by"] == 1


def test_each_has_its_event_with_the_importer_as_actor(run: Run) -> None:
    run(lines(facebook(created_at=WHEN, created_by=9), external()), by="5")
    found = events.feed(0, 10)
    assert {(e.type, e.user_id, e.provider, e.ext_id, e.actor_id, e.request_id) for e in found} == {
        ("association.created", 7, "facebook", "fb-1", 5, None),
        ("association.created", 7, "external", "ex-1", 5, None),
    }
    assert all(datetime.now(UTC) - e.occurred_at < timedelta(minutes=1) for e in found)


def test_what_an_export_writes_is_kept(run: Run) -> None:
    run(lines(facebook(created_at=WHEN, updated_at="2020-01-01T01:00:00+01:00", created_by=9)))
    row = stored.row()
    assert (row["created_at"], row["created_by"]) == (MOMENT, 9)
    assert row["updated_at"] == datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("name", ["created_at", "updated_at"])
def test_one_moment_stands_for_both(run: Run, name: str) -> None:
    run(lines(facebook(**{name: WHEN})))
    assert (stored.row()["created_at"], stored.row()["updated_at"]) == (MOMENT, MOMENT)


def test_exactly_what_is_stored_is_unchanged(run: Run) -> None:
    link(provider="external", ext_id="ex-1", metadata={"n": 1, "list": [True]})
    before = stored.rows()
    result = run(lines(external(metadata={"list": [True], "n": 1.0}, created_at=WHEN)))
    assert (result.exit_code, counts(result)) == (0, {"unchanged": 1})
    assert (stored.rows(), len(events.feed(0, 10))) == (before, 1)


@pytest.mark.parametrize(
    "line",
    [
        facebook(user_id=8),
        facebook(show_in_profile=True),
        facebook(profile_url="https://a.example"),
    ],
)
def test_a_pair_that_is_held_otherwise_is_a_conflict(
    run: Run, tmp_path: Path, line: dict[str, Any]
) -> None:
    link()
    before = stored.rows()
    result = run(lines(external(), line), "--errors", str(tmp_path / "errors"))
    assert (result.exit_code, counts(result)) == (1, {"created": 1, "conflict": 1})
    assert refused(tmp_path / "errors") == [
        {
            "line": 2,
            "provider": "facebook",
            "ext_id": "fb-1",
            "outcome": "conflict",
            "errors": [
                {
                    "code": "unique",
                    "message": "This provider and ext_id are linked already, or with other values.",
                }
            ],
        }
    ]
    assert [row for row in stored.rows() if row["provider"] == "facebook"] == before


def test_metadata_is_the_text_that_a_post_stores(run: Run) -> None:
    metadata = {"a b": ["é😀", 1.0]}
    link(provider="external", ext_id="posted", metadata=metadata)
    run(lines(external(metadata=metadata)))
    posted, imported = (
        stored.ask(f"SELECT CAST(metadata AS text) AS value FROM social_association{where}")
        for where in (" WHERE ext_id = 'posted'", " WHERE ext_id = 'ex-1'")
    )
    assert imported == posted


def test_true_is_not_1_in_metadata(run: Run) -> None:
    link(provider="external", ext_id="ex-1", metadata={"n": 1})
    assert counts(run(lines(external(metadata={"n": True})))) == {"conflict": 1}


BODIES = [
    facebook(),
    facebook(),
    facebook(user_id=8),
    facebook(show_in_profile=True),
    facebook(ext_id="fb-2", user_id="8", profile_url="https://a.example/"),
    facebook(ext_id="fb-2", user_id=8, profile_url="https://a.example/", show_in_profile=False),
    facebook(ext_id=17, profile_url=None, metadata=None),
    facebook(ext_id="17"),
    facebook(ext_id=2**53),
    facebook(ext_id="é😀\u2028x", user_id=2**63 - 1),
    facebook(ext_id="\ud800", user_id=0),
    facebook(ext_id="", provider="FB", show_in_profile=1, profile_url="ftp://x", x=1, y=2),
    facebook(metadata={}, ext_id="fb-3"),
    external(metadata='{"a": 1}'),
    external(metadata={"a": 1.0}),
    external(metadata={"a": True}),
    external(metadata={"a": "\0"}, ext_id="ex-2"),
    external(metadata={"a": "x" * 17_000}, ext_id="ex-2"),
    external(show_in_profile=True, ext_id="ex-2"),
    external(show_in_profile=False, ext_id="ex-3"),
    {},
    {"provider": ["facebook"], "ext_id": None, "user_id": True},
    {f"x{n}": n for n in range(30)},
    facebook(provider="myspace"),
]
OUTCOME = {201: "created", 200: "unchanged", 409: "conflict", 400: "invalid"}


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_a_line_is_judged_as_a_post_is(
    make_app: Callable[..., Flask],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    at_once: int,
) -> None:
    monkeypatch.setattr(commands, "AT_ONCE", {"sqlite": at_once, "postgresql": at_once})
    app = make_app(PROVIDERS="facebook,external,fb")
    client = app.test_client()
    answers = [
        client.post(
            PATH, data=json.dumps(body), content_type="application/json", headers=as_admin()
        )
        for body in BODIES
    ]
    with app.app_context():
        posted = [{**row, "created_at": 0, "updated_at": 0} for row in stored.rows()]
        databases.empty()
        result = runs(app.test_cli_runner())(lines(*BODIES), "--errors", str(tmp_path / "errors"))
        imported = [{**row, "created_at": 0, "updated_at": 0} for row in stored.rows()]
    found = {one["line"]: one for one in refused(tmp_path / "errors")}
    for number, answer in enumerate(answers, 1):
        outcome = OUTCOME[answer.status_code]
        if outcome in ("conflict", "invalid"):
            assert (found[number]["outcome"], found[number]["errors"]) == (
                outcome,
                answer.get_json()["errors"],
            )
        else:
            assert number not in found
    outcomes = [OUTCOME[answer.status_code] for answer in answers]
    assert counts(result) == {outcome: outcomes.count(outcome) for outcome in OUTCOME.values()}
    assert imported == posted


def test_a_pair_twice_is_two_creates_in_a_row(run: Run) -> None:
    result = run(lines(facebook(), facebook(), facebook(user_id=8), facebook()))
    assert counts(result) == {"created": 1, "unchanged": 2, "conflict": 1}
    assert (stored.row()["user_id"], len(events.feed(0, 10))) == (7, 1)


@pytest.mark.usefixtures("small_batches")
def test_a_dry_run_counts_the_same_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    link(ext_id="there")
    text = lines(
        facebook(),
        external(metadata={"a": 1}),
        facebook(ext_id="there"),
        facebook(ext_id="there", user_id=8),
        facebook(),
        facebook(user_id=8),
        external(metadata={"a": True}),
        external(metadata={"a": 1.0}),
        {},
    )
    before = stored.rows()
    dry = run(text, "--dry-run", "--errors", str(tmp_path / "dry"))
    assert (stored.rows(), len(events.feed(0, 10))) == (before, 1)
    wet = run(text, "--errors", str(tmp_path / "wet"))
    assert (dry.stdout, dry.exit_code) == (wet.stdout, wet.exit_code)
    assert counts(wet) == {"created": 2, "unchanged": 3, "conflict": 3, "invalid": 1}
    assert refused(tmp_path / "dry") == refused(tmp_path / "wet")


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
@pytest.mark.parametrize(
    ("most", "expected"),
    [
        ("1", {"created": 1, "invalid": 1}),
        ("2", {"created": 2, "invalid": 1, "conflict": 1}),
        ("3", {"created": 3, "invalid": 1, "conflict": 1, "unchanged": 1}),
    ],
)
def test_max_errors_ends_it_after_just_so_many(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    most: str,
    expected: dict[str, int],
    options: tuple[str, ...],
) -> None:
    monkeypatch.setattr(commands, "AT_ONCE", {"sqlite": 3, "postgresql": 3})
    text = lines(
        *(facebook(), {}, facebook(ext_id="2"), facebook(user_id=8)),
        *(facebook(ext_id="3"), facebook(ext_id="2")),
    )
    result = run(text, "--max-errors", most, *options)
    assert (result.exit_code, counts(result)) == (1, expected)
    assert ("It ended at --max-errors" in result.stderr) == (most != "3")
    assert len(stored.rows()) == (0 if options else expected["created"])


def test_the_cap_does_not_bind_it(make_app: Callable[..., Flask]) -> None:
    app = make_app(MAX_ASSOCIATIONS_PER_USER="1")
    with app.app_context():
        result = runs(app.test_cli_runner())(lines(facebook(), facebook(ext_id="fb-2")))
    assert counts(result) == {"created": 2}


@ON_ONE
def test_who_makes_them_must_be_given(run: Run, runner: FlaskCliRunner) -> None:
    assert runner.invoke(args=["associations", "import", "-"]).exit_code == 2
    assert run("", by="0").exit_code == 2


@ON_ONE
def test_the_interpreter_is_left_as_it_was(run: Run) -> None:
    before = sys.getswitchinterval()
    assert counts(run(lines(facebook()))) == {"created": 1}
    assert sys.getswitchinterval() == before


@ON_ONE
def test_an_empty_file_is_all_there(run: Run) -> None:
    result = run("")
    assert (result.exit_code, counts(result), result.stderr) == (0, {}, "")
    assert json.loads(result.stdout) == dict.fromkeys(
        ("created", "unchanged", "conflict", "invalid"), 0
    )


@ON_ONE
def test_without_a_terminal_it_is_silent_but_for_a_hint_at_errors(run: Run) -> None:
    assert run(lines(facebook())).stderr == ""
    assert run(lines({})).stderr == "Some were refused; --errors FILE says which, and why.\n"


@ON_ONE
@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("2019-05-01", "invalid"),
        ("2019-05-01T12:00:00", "invalid"),
        ("2019-02-30T12:00:00Z", "invalid"),
        ("2019-05-01T12:00:00.1234567Z", "invalid"),
        ("1969-12-31T23:59:59Z", "invalid"),
        ("9999-01-01T00:00:00Z", "invalid"),
        ("9999-12-31T23:59:59-23:59", "invalid"),
        ("2019-05-01T12:00:00+00:60", "invalid"),
        (1556712000, "invalid"),
        (None, "null"),
    ],
)
def test_a_moment_is_exact(run: Run, tmp_path: Path, value: object, code: str) -> None:
    run(lines(facebook(created_at=value)), "--errors", str(tmp_path / "errors"))
    (found,) = refused(tmp_path / "errors")
    assert codes(found["errors"]) == {"created_at": code}


def test_it_may_be_changed_before_it_was_made(run: Run) -> None:
    """The clocks of two machines differ; an export writes what each said."""
    moments = {"created_at": WHEN, "updated_at": WHEN.replace("2019", "2018")}
    assert counts(run(lines(facebook(**moments)))) == {"created": 1}
    assert stored.row()["updated_at"] < stored.row()["created_at"]


@ON_ONE
def test_what_is_refused_is_shown_only_where_it_could_be_a_pair(run: Run, tmp_path: Path) -> None:
    bad = [{"provider": "\ud800" * 500, "ext_id": 7}, {"provider": [], "ext_id": True}]
    bad += [{"ext_id": 10**4000}]
    run(lines(*bad), "--errors", str(tmp_path / "errors"))
    one, other, long = refused(tmp_path / "errors")
    assert long["ext_id"] == "1" + 254 * "0"
    assert (len(one["provider"]), one["ext_id"]) == (255, 7)
    assert (other["provider"], other["ext_id"]) == (None, None)


@ON_ONE
def test_ctrl_c_before_there_is_a_command_does_not_say_that_it_was_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(service, "create_app", stopped)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "wsgi.py"))
    assert ended.value.code == 2
    assert capsys.readouterr().err == "Error: Stopped before anything was done.\n"


@pytest.mark.parametrize("batch", [1, 2])
def test_max_errors_binds_when_more_is_refused_than_was_rehearsed(
    run: Run, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(commands, "AT_ONCE", dict.fromkeys(("sqlite", "postgresql"), batch))
    # Somebody else takes all that was free.
    monkeypatch.setattr(bulk, "create_all", lambda on, new, **_: [bulk.CONFLICT] * len(new))
    result = run(lines(*(facebook(ext_id=f"{n}") for n in range(9))), "--max-errors", "1")
    assert (result.exit_code, counts(result)) == (1, {"conflict": batch})


@ON_ONE
def test_of_long_lines_few_are_in_memory_at_once(app: Flask) -> None:
    """Two thousand of 64 KiB would take more than many a machine has."""
    long = external(metadata={"x": "y" * 16_000})
    source = Source(io.BytesIO(lines(*[long] * 200).encode()))
    sizes = []

    def write(new: Sequence[bulk.New], sent: Callable[[], object]) -> Sequence[str]:
        sizes.append(len(new))
        sent()
        return [bulk.CREATED] * len(new)

    with app.app_context(), Path(os.devnull).open("w") as nowhere, Beside[Any]() as writer:
        importing.run(
            json_lines(source),
            importing.Report(nowhere),
            writer=writer,
            write=write,
            rehearse=None,
            at_once=2_000,
            position=lambda: source.position,
            progress=lambda _: None,
        )
    assert sum(sizes) == 200
    assert max(sizes) <= importing.LONGEST_BATCH // 16_000 + 1
