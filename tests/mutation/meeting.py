"""A plugin of pytest's for `tests.mutation`: which functions each test meets.

-p tests.mutation.meeting --meet FILE     with MUTANT_UNDER_TEST=stats; writes FILE, JSON
"""

import json
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mutmut.state import state

from tests.mutation import afresh

_of_fixture: dict[str, set[str]] = defaultdict(set)
_met: dict[str, Any] = {"import": [], "tests": {}}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--meet", type=Path, required=True)


def pytest_collection_finish() -> None:
    _met["import"] = sorted(state()._stats)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: Any) -> Iterator[None]:
    before = set(state()._stats)
    result = yield
    if fixturedef.scope != "function":
        _of_fixture[fixturedef.argname] |= state()._stats - before
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: Any) -> Iterator[None]:
    """What its fixtures met for an earlier test included: in a fork they are set up again."""
    afresh.forget()
    state()._stats.clear()
    began = time.monotonic()
    result = yield
    met = set(state()._stats).union(*(_of_fixture[name] for name in item.fixturenames))
    _met["tests"][item.nodeid] = (time.monotonic() - began, sorted(met))
    return result


def pytest_sessionfinish(session: pytest.Session) -> None:
    session.config.getoption("meet").write_text(json.dumps(_met))
