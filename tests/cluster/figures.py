"""What was measured, as a table for docs/cluster.md."""

import os
import platform
import re
import shlex
import sys
import time
from collections.abc import Sequence

from tests.chaos.report import Report
from tests.support.processes import ROOT

PAGE = ROOT / "docs/cluster.md"
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"
HEAD = """
| what happens | times | no write for, s | no list for, s | acknowledged | lost | refused (503) |
|---|---|---|---|---|---|---|
"""


def table(reports: Sequence[tuple[str, Report]], up: float, before: float) -> str:
    """A line for each scenario; of several runs the longest gaps and the sums of the rest.

    Args:
        up: the seconds until the cluster was there.
        before: the load average before it all.
    """
    lines = []
    for name in dict.fromkeys(name for name, _ in reports):
        figures = [report.figures for other, report in reports if other == name]
        gaps = [
            max(_number(each, f"{what} gap s") for each in figures) for what in ("write", "read")
        ]
        sums = [sum(_number(each, what) for each in figures) for what in ("written", "lost", "503")]
        cells = [name, str(len(figures)), *(f"{gap:.1f}" for gap in gaps)]
        lines.append(f"| {' | '.join([*cells, *(f'{number:,.0f}' for number in sums)])} |\n")
    day = time.strftime("%d %B %Y").lstrip("0")
    command = shlex.join([".venv/bin/python", "-m", "tests.cluster", *sys.argv[1:]])
    machine = f"{os.cpu_count()} cores, load {before:.1f} before"
    python = f"Python {platform.python_version()}"
    note = f"\n`{command}`, {day}, {python}, {machine}; up after {up:.0f} s.\n"
    return HEAD + "".join(lines) + note


def _number(figures: dict[str, object], name: str) -> float:
    value = figures.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0


def write(table: str) -> None:
    """Put the table where docs/cluster.md has the one before."""
    page = PAGE.read_text()
    pattern = f"(?s)(?<={BEGIN}).*(?={END})"
    PAGE.write_text(re.sub(pattern, lambda _: f"{table}\n", page))
