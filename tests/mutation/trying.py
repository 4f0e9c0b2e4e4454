"""A plugin of pytest's for `tests.mutation`: it tries mutants.

-p tests.mutation.trying --try MET IN OUT --enough SECONDS

MET is of `meeting.py`; each line of IN begins with a mutant's name; OUT gets it with the fate. As
many tests as take so many seconds are run for a mutant.

Each mutant is tried in a fork of the process that has collected the tests and made the database,
but has run nothing else yet: what the application makes once and keeps, it makes as changed.
"""

import gc
import mmap
import os
import signal
import sys
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.mutation import afresh
from tests.mutation.choosing import Met
from tests.support import databases

LIMIT = 10, 20
"""A test that takes so many times as long as it did, and so many seconds more, has no end."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--try", type=Path, nargs=3, dest="tried", required=True)
    parser.addoption("--enough", type=float, required=True)


def pytest_configure(config: pytest.Config) -> None:
    tries = _Tries(*config.getoption("tried"), enough=config.getoption("enough"))
    config.pluginmanager.register(tries)


class _Database:
    """Made once for all forks, and as it was at the beginning for each."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._name = str(sa.make_url(url).database)
        self._file = Path(self._name) if url.startswith("sqlite") else None
        if self._file:
            self._content = self._file.read_bytes()
        else:
            self._administer('CREATE DATABASE "{0} as made" TEMPLATE "{0}"')

    def _administer(self, *statements: str) -> None:
        with databases.postgresql(self._url, database="template1") as connection:
            connection.autocommit = True
            for statement in statements:
                connection.execute(statement.format(self._name))

    def restore(self) -> None:
        if not self._file:
            self._administer(
                'DROP DATABASE "{0}" WITH (FORCE)', 'CREATE DATABASE "{0}" TEMPLATE "{0} as made"'
            )
            return
        self._file.write_bytes(self._content)
        for end in ("-wal", "-shm"):
            self._file.with_name(self._file.name + end).unlink(missing_ok=True)

    def close(self) -> None:
        if not self._file:
            self._administer('DROP DATABASE "{0} as made"')


made: list[_Database] = []


def test_there_is_a_database(database_url: str, postgresql_url: str) -> None:
    """Comes first. A server that a fork started would outlive it."""
    made.append(_Database(database_url))


class _Nothing(pytest.Item):
    """What is said to come next, so that the fixtures of the session stay."""

    def runtest(self) -> None: ...


class _Tries:
    def __init__(self, met: Path, asked: Path, fates: Path, *, enough: float) -> None:
        self._met = Met(met)
        self._asked = asked
        self._fates = fates
        self._enough = enough
        self._tests: dict[str, list[pytest.Item]] = {}
        self._good: set[pytest.Item] = set()
        self._at = mmap.mmap(-1, 4)  # shared with the forks: which test is running

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._session = session
        self._nothing = _Nothing.from_parent(session, name="nothing")
        self._run_test(session.items[0], self._nothing)
        self._items = {item.nodeid: item for item in session.items}
        gc.freeze()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        try:
            self._try_all()
        finally:
            made[0].close()
        return True

    def _try_all(self) -> None:
        with self._fates.open("a") as fates:
            for line in self._asked.read_text().splitlines():
                began = time.monotonic()
                fate = *self._try(line.partition("\t")[0]), f"{time.monotonic() - began:.2f}"
                print(line, *fate, sep="\t", file=fates, flush=True)

    def _run_test(self, test: pytest.Item, following: pytest.Item) -> None:
        self._session.config.hook.pytest_runtest_protocol(item=test, nextitem=following)

    def _tests_for(self, function: str) -> list[pytest.Item]:
        """Those that killed another mutant of it come first."""
        if function not in self._tests:
            chosen = self._met.choose(function, self._enough)
            self._tests[function] = [self._items[test] for test in chosen if test in self._items]
        return self._tests[function]

    def _try(self, name: str) -> tuple[str, str]:
        """The fate, and the test that killed it."""
        tests = self._tests_for(name.rpartition("__mutmut_")[0])
        if not tests:
            return "unmet", ""
        while True:
            fate, killer = self._fork(name, tests)
            if killer is None:
                return fate, ""
            tests.remove(killer)
            if killer in self._good or not self._fork("none", [killer])[1]:
                break  # else it fails without a mutant, too
        self._good.add(killer)
        tests.insert(0, killer)
        return fate, killer.nodeid

    def _fork(self, name: str, tests: list[pytest.Item]) -> tuple[str, pytest.Item | None]:
        made[0].restore()
        pid = os.fork()
        if pid == 0:
            self._run(name, tests)
        try:
            _, status = os.waitpid(pid, 0)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)  # and what it started
        if status == 0:
            return "survived", None
        fate = "endless" if os.waitstatus_to_exitcode(status) == -signal.SIGALRM else "killed"
        return fate, tests[int.from_bytes(self._at[:4], "big")]

    def _run(self, name: str, tests: list[pytest.Item]) -> None:
        """In a fork, which ends here."""
        try:
            os.setpgid(0, 0)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.environ["MUTANT_UNDER_TEST"] = name
            afresh.forget()
            self._session.config.pluginmanager.unregister(name="terminalreporter")
            for place, (test, following) in enumerate(pairwise([*tests, self._nothing])):
                self._at[:4] = place.to_bytes(4, "big")
                times, more = LIMIT
                signal.alarm(int(times * self._met.seconds[test.nodeid] + more))
                self._run_test(test, following)
                if self._session.testsfailed:
                    os._exit(1)
            os._exit(0)
        except BaseException:
            os._exit(1)
