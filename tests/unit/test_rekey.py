"""`flask associations rekey`: new ext_ids for old ones."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskCliRunner

from service.commands import rekeying as commands
from service.store import associations, events, rekeying
from tests.support import stored
from tests.support.bulk import Run, codes, counts, refused
from tests.support.databases import ON_ONE, ON_POSTGRESQL
from tests.support.stored import BY, link

THEN = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def run(app: Flask, runner: FlaskCliRunner) -> Iterator[Run]:
    def run(lines: str, *options: str) -> Result:
        arguments = ["associations", "rekey", "-", "--provider", "facebook", *options]
        text = "".join(f"{line.replace('>', ',')}\n" for line in lines.split())
        return runner.invoke(args=arguments, input=f"old,new\n{text}")

    with app.app_context():
        yield run


def linked(*ext_ids: str) -> None:
    """Each its user, who is named by it."""
    for ext_id in ext_ids:
        link(ext_id=ext_id, user_id=ord(ext_id[0]))


def whose() -> str:
    """The ext_ids of the users a, b, c …"""
    return "".join(row["ext_id"] for row in sorted(stored.rows(), key=lambda row: row["user_id"]))


def test_the_rest_stays_as_it_was(run: Run) -> None:
    stored.insert(created_at=THEN, profile_url="https://a.example/", show_in_profile=True)
    before = stored.row()
    result = run("fb-1>new")
    assert (result.exit_code, counts(result), result.stderr) == (0, {"changed": 1}, "")
    after = stored.row()
    assert after.pop("updated_at") > before.pop("updated_at")
    assert after == before | {"ext_id": "new"}


def test_metadata_stays_as_it_was(run: Run, runner: FlaskCliRunner) -> None:
    link(provider="external", ext_id="ex-1", metadata={"n": 1e300, "é": [True, None]})
    link(provider="external", ext_id="ex-2")
    result = runner.invoke(
        args=["associations", "rekey", "-", "--provider", "external"],
        input="new,old\r\nex-3,ex-1\r\nex-4,ex-2\r\n",
    )
    assert counts(result) == {"changed": 2}
    found = [(row["ext_id"], row["metadata"]) for row in stored.rows()]
    assert found == [("ex-3", {"n": 1e300, "é": [True, None]}), ("ex-4", None)]


def test_it_is_the_end_of_one_pair_and_the_beginning_of_another(run: Run) -> None:
    link()
    run("fb-1>new")
    found = events.feed(1, 10)
    assert [(e.type, e.user_id, e.ext_id, e.actor_id, e.request_id) for e in found] == [
        ("association.deleted", 7, "fb-1", None, None),
        ("association.created", 7, "new", None, None),
    ]


def test_what_nobody_has_is_missing(run: Run, tmp_path: Path) -> None:
    link(provider="google", ext_id="a")
    result = run("a>b", "--errors", str(tmp_path / "errors"))
    assert (result.exit_code, counts(result)) == (1, {"missing": 1})
    (found,) = refused(tmp_path / "errors")
    assert codes(found.pop("errors")) == {None: "not_found"}
    assert found == {"line": 2, "provider": "facebook", "ext_id": "a", "outcome": "missing"}


def test_what_somebody_has_is_a_conflict(run: Run, tmp_path: Path) -> None:
    linked("a", "b")
    result = run("a>b", "--errors", str(tmp_path / "errors"))
    assert (result.exit_code, counts(result), whose()) == (1, {"conflict": 1}, "ab")
    (found,) = refused(tmp_path / "errors")
    assert codes(found["errors"]) == {"new": "unique"}
    assert len(events.feed(0, 10)) == 2


@ON_ONE
def test_what_breaks_a_rule_is_invalid(run: Run, tmp_path: Path) -> None:
    linked("a", "b")
    lines = ["a>c", "a>d", "b>b", "b>", f"b>{'x' * 256}", "b>\u200b", "b>x,y"]
    result = run(" ".join(lines), "--errors", str(tmp_path / "errors"))
    assert counts(result) == {"changed": 1, "invalid": 6}
    found = refused(tmp_path / "errors")
    assert [(one["line"], one["ext_id"], codes(one["errors"])) for one in found] == [
        (3, "a", {"old": "repeated"}),
        (4, "b", {"new": "invalid"}),
        (5, "b", {"new": "required"}),
        (6, "b", {"new": "max_length"}),
        (7, "b", {"new": "invalid"}),
        (8, None, {None: "parse_error"}),
    ]


@pytest.mark.parametrize("at_once", [1, 100])
@pytest.mark.parametrize(
    ("lines", "expected", "after"),
    [
        pytest.param("a>x b>y", {"changed": 2}, "xycde", id="apart"),
        pytest.param("a>b b>a", {"changed": 2}, "bacde", id="a swap"),
        pytest.param("a>b b>c c>a", {"changed": 3}, "bcade", id="a circle of three"),
        pytest.param("a>b b>c c>x", {"changed": 3}, "bcxde", id="a chain"),
        pytest.param("c>x a>b b>c", {"changed": 3}, "bcxde", id="a chain in another order"),
        pytest.param("a>b b>c c>d", {"conflict": 3}, "abcde", id="a chain with no room"),
        pytest.param("a>b b>z z>a", {"conflict": 2, "missing": 1}, "abcde", id="half a circle"),
        pytest.param("c>a a>b b>a", {"changed": 2, "conflict": 1}, "bacde", id="into a circle"),
        pytest.param(
            "z>x a>x b>x", {"missing": 1, "changed": 1, "conflict": 1}, "xbcde", id="one for three"
        ),
        pytest.param("a>z z>y", {"changed": 1, "missing": 1}, "zbcde", id="after one missing"),
        pytest.param("a>x b>a c>d d>c e>b", {"changed": 5}, "xadcb", id="all together"),
    ],
)
def test_lines_that_want_what_others_have(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    lines: str,
    expected: dict[str, int],
    after: str,
    at_once: int,
) -> None:
    monkeypatch.setattr(commands, "AT_ONCE", at_once)
    linked(*"abcde")
    dry = run(lines, "--dry-run", "--errors", str(tmp_path / "dry"))
    assert (whose(), len(events.feed(0, 100))) == ("abcde", 5)
    wet = run(lines, "--errors", str(tmp_path / "wet"))
    assert counts(dry) == counts(wet) == expected
    assert dry.exit_code == wet.exit_code == int(expected.keys() != {"changed"})
    assert refused(tmp_path / "dry") == refused(tmp_path / "wet")
    assert whose() == after
    assert len(events.feed(0, 100)) == 5 + 2 * expected.get("changed", 0)


@ON_ONE
def test_a_file_without_old_and_new_is_a_sentence(run: Run, runner: FlaskCliRunner) -> None:
    result = runner.invoke(args=["associations", "rekey", "-", "--provider", "a"], input="a,b\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "Error: The first line must name the columns, in UTF-8, separated by commas, each once: "
        "new, old.\n"
    )


@pytest.fixture
def meanwhile(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Does something after the looks at what is there, so many times."""
    look = rekeying.is_linked

    def arrange(act: Callable[[], Any], after: int, times: int) -> None:
        looks = 0

        def is_linked(*arguments: Any) -> bool:
            nonlocal looks, times
            found = look(*arguments)
            looks += 1
            if looks == after and times:
                times, looks = times - 1, 0
                with app.app_context():
                    act()
            return found

        monkeypatch.setattr(rekeying, "is_linked", is_linked)

    return arrange


def unlink() -> None:
    associations.delete(ord("a"), "facebook", "a", by=BY)


@ON_POSTGRESQL
def test_what_is_deleted_meanwhile_is_missing(run: Run, meanwhile: Callable[..., None]) -> None:
    linked("a", "b")
    meanwhile(unlink, after=1, times=1)
    assert counts(run("a>x b>y")) == {"missing": 1, "changed": 1}
    assert whose() == "y"


@ON_POSTGRESQL
def test_what_is_made_meanwhile_is_a_conflict(run: Run, meanwhile: Callable[..., None]) -> None:
    linked("a")
    meanwhile(lambda: linked("x"), after=2, times=1)
    assert (counts(run("a>x")), whose()) == ({"conflict": 1}, "ax")


@ON_POSTGRESQL
def test_what_comes_and_goes_for_ever_ends_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rekeying, "is_linked", lambda on, provider, ext_id: ext_id == "a")
    result = run("a>x")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "created and deleted over and over" in result.stderr
