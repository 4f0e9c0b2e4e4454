"""Which tests are run for a mutant; a plugin of pytest's that runs these alone.

-p tests.mutation.choosing --chosen FILE     JSON, the tests' ids in their order
"""

import json
from collections import Counter, defaultdict
from functools import cached_property
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import pytest


class Met:
    """What `meeting.py` wrote down."""

    def __init__(self, file: Path) -> None:
        found: dict[str, Any] = json.loads(file.read_text())
        self.seconds = {test: seconds for test, (seconds, _) in found["tests"].items()}
        self.at_import = set(found["import"])
        """Functions that run when the modules are imported."""
        self._functions = {test: functions for test, (_, functions) in found["tests"].items()}

    @cached_property
    def _shares(self) -> dict[str, dict[str, float]]:
        """By module and test: how much of what the test meets is of the module."""
        shares: dict[str, dict[str, float]] = defaultdict(dict)
        for test, functions in self._functions.items():
            for module, count in Counter(map(module_of, functions)).items():
                shares[module][test] = count / len(functions)
        return shares

    def choose(self, function: str, enough: float) -> list[str]:
        """Tests that meet the function, or its module where it runs at import.

        First those that meet little besides its module; and one case of each test before the next
        one of any, since what all tests meet may be the matter of a few.

        Args:
            enough: the seconds that they took in all.
        """
        shares = self._shares[module_of(function)]
        cases: dict[str, list[str]] = defaultdict(list)
        for test in sorted(shares, key=shares.__getitem__, reverse=True):
            if function in self.at_import or function in self._functions[test]:
                cases[test.partition("[")[0]].append(test)
        chosen: list[str] = []
        left = enough
        for test in filter(None, chain.from_iterable(zip_longest(*cases.values()))):
            if left <= 0:
                break
            chosen.append(test)
            left -= self.seconds[test]
        return chosen


def module_of(function: str) -> str:
    return function.rpartition(".x")[0]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chosen", type=Path, required=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    by_id = {item.nodeid: item for item in items}
    items[:] = [by_id[test] for test in json.loads(config.getoption("chosen").read_text())]
