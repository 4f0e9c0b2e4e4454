"""The file of public keys: what stops a start, and what a change of it does."""

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.auth import key_file
from service.auth.key_file import KeyFile
from service.config import ConfigError
from tests.support.keys import jwks, public_entry

GOOD, OTHER = (jwks([public_entry("ES256", name, kid=name)]) for name in ("1", "2"))
BROKEN = b"<html>502</html>"
NOT_READ = r"JWT_PUBLIC_KEYS_FILE (is|holds|can't be) [^.]+\."


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    path.write_bytes(GOOD)
    return path


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let so many seconds pass."""
    passed = [0.0]
    clock = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: clock() + passed[0])

    def wait(seconds: float = 5) -> None:
        passed[0] += seconds

    return wait


@pytest.fixture
def checked(path: Path) -> Iterator[None]:
    """As in a worker, whose master has checked the file."""
    key_file.check(path)
    yield
    key_file._checked = False


def kids(file: KeyFile) -> list[str | None]:
    return [key.key_id for key in file.current().keys]


UNREADABLE = {
    "broken": lambda path: path.write_bytes(BROKEN),
    "empty": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "far too large": lambda path: path.write_bytes(GOOD + b" " * 256 * 1024),
}
BREAKING = pytest.mark.parametrize("spoil", UNREADABLE.values(), ids=UNREADABLE)


@BREAKING
@pytest.mark.parametrize("start", [KeyFile, key_file.check])
def test_a_file_that_cannot_be_used_stops_the_start_with_a_sentence(
    path: Path, spoil: Callable[[Path], object], start: Callable[[Path], object]
) -> None:
    spoil(path)
    with pytest.raises(ConfigError) as stopped:
        start(path)
    assert re.match(f"Configuration: {NOT_READ}", str(stopped.value))


def test_a_file_as_large_as_may_be_is_read(path: Path) -> None:
    path.write_bytes(GOOD.ljust(key_file._LARGEST))
    assert kids(KeyFile(path)) == ["1"]


@BREAKING
@pytest.mark.usefixtures("checked")
def test_a_worker_that_starts_later_goes_without_its_keys(
    path: Path, spoil: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    spoil(path)
    with caplog.at_level("ERROR"):
        assert kids(KeyFile(path)) == []
    (record,) = caplog.records
    assert re.fullmatch(NOT_READ, record.reason)


@pytest.mark.usefixtures("checked")
def test_a_worker_without_keys_takes_them_as_soon_as_they_are_there(
    path: Path, later: Callable[[], None]
) -> None:
    path.unlink()
    file = KeyFile(path)
    path.write_bytes(GOOD)
    later()
    assert kids(file) == ["1"]


def test_a_changed_file_counts_after_five_seconds(path: Path, later: Callable[[], None]) -> None:
    file = KeyFile(path)
    path.write_bytes(OTHER)
    later()
    assert kids(file) == ["2"]


def test_that_keys_were_read_is_logged_with_their_number(
    path: Path, later: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        file = KeyFile(path)
        for content in (GOOD, OTHER, BROKEN):
            path.write_bytes(content)
            later()
            file.current()
    read = [record for record in caplog.records if record.levelname == "INFO"]
    assert [(record.message, record.keys) for record in read] == [("public keys read", 1)] * 2


def test_a_file_in_its_place_counts_whatever_its_date(
    path: Path, later: Callable[[], None]
) -> None:
    file = KeyFile(path)
    before = path.stat()
    new = path.with_name("new")
    new.write_bytes(OTHER)
    new.replace(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    later()
    assert kids(file) == ["2"]


def test_the_file_is_not_read_at_each_request(path: Path) -> None:
    file = KeyFile(path)
    kids(file)
    path.write_bytes(OTHER)
    assert kids(file) == ["1"]


def test_the_keys_are_the_same_object_until_they_change(
    path: Path, later: Callable[[], None]
) -> None:
    file = KeyFile(path)
    first = file.current()
    later()
    assert file.current() is first


@BREAKING
def test_the_last_good_keys_stay(
    path: Path, later: Callable[[], None], spoil: Callable[[Path], object]
) -> None:
    file = KeyFile(path)
    spoil(path)
    later()
    assert kids(file) == ["1"]


@BREAKING
def test_a_broken_file_is_logged_once_with_the_reason(
    path: Path,
    later: Callable[[], None],
    spoil: Callable[[Path], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = KeyFile(path)
    spoil(path)
    for _ in range(3):
        later()
        file.current()
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (record.message, record.keys) == ("public keys not read", 1)
    assert re.fullmatch(NOT_READ, record.reason)


def test_a_file_that_breaks_again_is_logged_again(
    path: Path, later: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    file = KeyFile(path)
    for content in (BROKEN, GOOD, BROKEN):
        path.write_bytes(content)
        later()
        file.current()
    assert [record.levelname for record in caplog.records].count("ERROR") == 2


def test_while_one_thread_reads_the_others_go_on_with_what_they_have(
    path: Path, later: Callable[[], None]
) -> None:
    file = KeyFile(path)
    path.write_bytes(OTHER)
    later()
    with file._looking:
        assert kids(file) == ["1"]
    assert kids(file) == ["2"]
