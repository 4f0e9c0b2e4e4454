"""Which tests are run for a mutant; a plugin of pytest's that runs these alone.

-p tests.mutation.choosing --chosen FILE     JSON, the tests' ids in their order
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cached_property
from itertools import chain
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
            for module, count in Counter(map(_module_of, functions)).items():
                shares[module][test] = count / len(functions)
        return shares

    def choose(self, function: str, enough: float) -> list[str]:
        """Tests that meet the function, or its module where it runs at import.

        By turns one of those that meet little besides its module, and one of another file: what
        every test meets may be the matter of a few.

        Args:
            enough: the seconds that they took in all.
        """
        shares = self._shares[_module_of(function)]
        ranked = sorted(
            (
                test
                for test in shares
                if function in self.at_import or function in self._functions[test]
            ),
            key=shares.__getitem__,
            reverse=True,
        )
        by_turns = chain.from_iterable(zip(ranked, _from_each_file(ranked), strict=True))
        chosen: list[str] = []
        left = enough
        for test in dict.fromkeys(by_turns):
            if left <= 0:
                break
            chosen.append(test)
            left -= self.seconds[test]
        return chosen


def _module_of(function: str) -> str:
    return function.rpartition(".x")[0]


def _from_each_file(tests: list[str]) -> Iterator[str]:
    """The first of each, then the second of each, …"""
    place = Counter[str]()
    rounds: dict[int, list[str]] = defaultdict(list)
    for test in tests:
        file = test.partition("::")[0]
        rounds[place[file]].append(test)
        place[file] += 1
    return chain.from_iterable(rounds.values())


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--chosen", type=Path, required=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    by_id = {item.nodeid: item for item in items}
    items[:] = [by_id[test] for test in json.loads(config.getoption("chosen").read_text())]
